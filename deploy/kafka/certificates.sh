#!/bin/sh
# An authority of one's own, and what it signs. Whoever has one already uses that.
#
#   certificates.sh FOLDER NAME HOST...   FOLDER/NAME.crt and .key for these hosts, for localhost
#                                         and 127.0.0.1; FOLDER/ca.crt and ca.key when missing
# DAYS      how long they are good (365)
# CA_DAYS   how long the authority is (3650); docs/SECURITY.md tells how both are renewed
set -eu

[ $# -ge 2 ] || { sed -n 's/^#   cert/cert/p' "$0" >&2; exit 2; }
folder=$1 name=$2
shift 2
: "${DAYS:=365}" "${CA_DAYS:=3650}"
umask 077
mkdir -p "$folder"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

if [ ! -e "$folder/ca.key" ]; then
    key "$folder/ca.key"
    openssl req -x509 -new -key "$folder/ca.key" -sha256 -days "$CA_DAYS" -subj "/CN=penstock-ca" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$folder/ca.crt"
fi

names="DNS:localhost,IP:127.0.0.1"
for host in "$@"; do names="$names,DNS:$host"; done
request=$(mktemp) extensions=$(mktemp)
trap 'rm -f "$request" "$extensions"' EXIT
printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n' \
    "$names" >"$extensions"
key "$folder/$name.key"
openssl req -new -key "$folder/$name.key" -subj "/CN=$name" -out "$request"
openssl x509 -req -in "$request" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial \
    -sha256 -days "$DAYS" -extfile "$extensions" -out "$folder/$name.crt" 2>/dev/null
