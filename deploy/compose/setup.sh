#!/bin/sh
# What the service `setup` does, once Kafka answers: users, and what they may do. Again does no harm.
set -eu

user=/etc/penstock/user.sh acls=/etc/penstock/acls.sh
sh $user /run/secrets/engine.conf
sh $user /run/secrets/worker.conf
sh $acls engine engine
for task in ${WORKER_TASKS:-}; do  # TENANT:TASKDEF
    sh $acls worker worker "${task%%:*}" "${task#*:}"
done
