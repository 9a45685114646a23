#!/bin/sh
# Makes what compose.secure.yaml mounts, in secrets/ beside it: certificates, the users' passwords,
# the first key of the engine, and an empty file for that of the built-in worker. What is there already
# is kept.
#
# FOLDER   where (secrets/ beside this script)
# AT       where the containers see it (/run/secrets)
set -eu

here=$(cd "$(dirname "$0")" && pwd)
: "${FOLDER:=$here/secrets}" "${AT:=/run/secrets}"
umask 077
mkdir -p "$FOLDER"

made() { [ -e "$FOLDER/$1" ]; }

made broker.crt || {
    "$here/../kafka/certificates.sh" "$FOLDER" broker kafka
    cat "$FOLDER/broker.key" "$FOLDER/broker.crt" >"$FOLDER/broker.pem"
}
made engine.crt || "$here/../kafka/certificates.sh" "$FOLDER" engine engine-1 engine-2 engine-3

for user in engine worker; do
    made "$user.conf" || cat >"$FOLDER/$user.conf" <<END
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.username=$user
sasl.password=$(openssl rand -hex 24)
ssl.ca.location=$AT/ca.crt
END
done
made admin.key || openssl rand -hex 32 >"$FOLDER/admin.key"
made builtin.env || : >"$FOLDER/builtin.env" # PENSTOCK_API_KEY=..., once the engine has made it

# Compose mounts the files as they are, and the containers' users are not who ran this. Others on
# this machine are kept out by the folder.
chmod 644 "$FOLDER"/*
chmod 600 "$FOLDER/ca.key"
chmod 700 "$FOLDER"
