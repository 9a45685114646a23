#!/bin/sh
# A user whom the brokers know by SCRAM-SHA-512. Name and password are read from the file that the
# user's program has (NAME=VALUE; sasl.username, sasl.password), so that they stand in one place, and
# the password on no command line.
#
#   user.sh FILE
#
# BOOTSTRAP, KAFKA_ADMIN, KAFKA_BIN: see acls.sh
set -eu

: "${KAFKA_BIN:=/opt/kafka/bin}"
[ $# -eq 1 ] || { echo "user.sh FILE" >&2; exit 2; }

value() { sed -n "s/^$1 *= *//p" "$2"; }

user=$(value sasl.username "$1") password=$(value sasl.password "$1")
[ -n "$user" ] && [ -n "$password" ] || { echo "user.sh: $1 names no user" >&2; exit 1; }
umask 077
settings=$(mktemp)
trap 'rm -f "$settings"' EXIT
printf 'SCRAM-SHA-512=password=%s\n' "$password" >"$settings"
"$KAFKA_BIN/kafka-configs.sh" --bootstrap-server "${BOOTSTRAP:?}" \
    ${KAFKA_ADMIN:+--command-config "$KAFKA_ADMIN"} \
    --alter --entity-type users --entity-name "$user" --add-config-file "$settings" >/dev/null
