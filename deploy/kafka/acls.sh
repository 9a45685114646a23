#!/bin/sh
# Who may do what on Kafka: the rights of each of Penstock's programs, and no more.
# This is the one place; docs/DEPLOY.md shows what it does, and tests/deploy tries it on a broker.
#
#   acls.sh engine USER                   the nodes of a cluster
#   acls.sh worker USER TENANT TASKDEF    a trusted worker, once for each of its TaskDefs
#   acls.sh auditor USER                  who reads what has happened
#
# CLUSTER     the cluster's name (penstock)
# BOOTSTRAP   the brokers' address, as their administrator reaches them
# KAFKA_ADMIN a file of client properties with which the administrator is let in, if need be
# KAFKA_BIN   where Kafka's own scripts are (/opt/kafka/bin)
# DRY_RUN=1   print the rights and change nothing
set -eu

: "${CLUSTER:=penstock}" "${KAFKA_BIN:=/opt/kafka/bin}" "${DRY_RUN:=}"

usage() {
    sed -n 's/^#   acls.sh/acls.sh/p' "$0" >&2
    exit 2
}

allow() {
    if [ -n "$DRY_RUN" ]; then
        echo "--add --allow-principal User:$user $*"
        return
    fi
    "$KAFKA_BIN/kafka-acls.sh" --bootstrap-server "${BOOTSTRAP:?}" \
        ${KAFKA_ADMIN:+--command-config "$KAFKA_ADMIN"} \
        --add --allow-principal "User:$user" "$@" >/dev/null
}

# Kafka takes names that differ in . and _ alone for the same, so those of TaskDefs are written
# with .d and .u (docs/protocol.md).
task_topic() {
    topic="$CLUSTER.tasks.$1.$(printf %s "$2" | sed 's/\./.d/g; s/_/.u/g')"
    if [ ${#topic} -gt 249 ]; then
        echo "acls.sh: $2 is too long: the topic has another name (docs/protocol.md)" >&2
        exit 1
    fi
    echo "$topic"
}

[ $# -ge 2 ] || usage
who=$1 user=$2
case "$who:$#" in
engine:2)
    # A prefix, since topics of tasks are made as TaskDefs are.
    allow --operation All --resource-pattern-type prefixed --topic "$CLUSTER." --group "$CLUSTER."
    ;;
worker:4)
    tasks=$(task_topic "$3" "$4")
    allow --operation Read --topic "$tasks" --group "$tasks"
    allow --operation Write --topic "$CLUSTER.commands"
    allow --operation Read --topic "$CLUSTER.worker-signals"
    ;;
auditor:2)
    allow --operation Read --topic "$CLUSTER.events" --group "$CLUSTER-audit"
    ;;
*) usage ;;
esac
