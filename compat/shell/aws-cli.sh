#!/usr/bin/env bash
# The AWS CLI, as its users type it: aws-cli.sh <scenario>…
#
# AWS_CLI is the program (in words), AWS_CLI_BLOBS the flags that version 2 needs to take --data as it is written, and
# AWS_CLI_ENDPOINT_FLAG is set where the program is too old to read AWS_ENDPOINT_URL.
# Prints one line of JSON for each scenario, like every client's program here.
set -uo pipefail

read -ra program <<<"$AWS_CLI"
read -ra blobs <<<"${AWS_CLI_BLOBS:-}"
if [ -n "${AWS_CLI_ENDPOINT_FLAG:-}" ]; then program+=(--endpoint-url "$AWS_ENDPOINT_URL"); fi
first_shard=shardId-000000000000
called=$(mktemp)
said=$(mktemp)
trap 'rm -f "$called" "$said"' EXIT

# One call, noted when it was answered well.
kinesis() {
  "${program[@]}" kinesis "$@" || return
  sed -E 's/(^|-)([a-z])/\U\2/g' <<<"$1" >>"$called"
}

data() { kinesis "$@" ${blobs[@]+"${blobs[@]}"}; }

equal() { [ "$1" = "$2" ] || { echo "expected '$2', found '$1'" >&2; return 1; }; }

refused() { # CODE command…
  local code=$1 message
  shift
  if message=$("${program[@]}" kinesis "$@" 2>&1); then echo "no $code" >&2; return 1; fi
  case $message in *"($code)"*) ;; *) echo "not $code: $message" >&2; return 1 ;; esac
}

active() {
  "${program[@]}" kinesis wait stream-exists --stream-name "$1"
  while [ "$(kinesis describe-stream-summary --stream-name "$1" \
    --query StreamDescriptionSummary.StreamStatus --output text)" != ACTIVE ]; do :; done
}

iterator() { # STREAM TYPE [flags]
  local stream=$1 type=$2
  shift 2
  kinesis get-shard-iterator --stream-name "$stream" --shard-id $first_shard --shard-iterator-type "$type" "$@" \
    --query ShardIterator --output text
}

texts() { # ITERATOR: the data of its page, a line each
  kinesis get-records --shard-iterator "$1" --query 'Records[].Data' --output text | tr '\t' '\n' |
    while read -r each; do base64 -d <<<"$each"; echo; done
}

life() {
  kinesis create-stream --stream-name cli-life --shard-count 2
  active cli-life
  equal "$(kinesis describe-stream --stream-name cli-life --query 'length(StreamDescription.Shards)')" 2
  equal "$(kinesis list-streams --query 'StreamNames' --output text)" cli-life
  refused ResourceInUseException create-stream --stream-name cli-life --shard-count 1
  refused ValidationException create-stream --stream-name 'not a name' --shard-count 1
  kinesis delete-stream --stream-name cli-life
  "${program[@]}" kinesis wait stream-not-exists --stream-name cli-life
  refused ResourceNotFoundException describe-stream-summary --stream-name cli-life
}

records() {
  kinesis create-stream --stream-name cli-records --shard-count 1
  active cli-records
  local sequence
  data put-record --stream-name cli-records --partition-key a --data hello >/dev/null
  sequence=$(data put-records --stream-name cli-records \
    --records Data=one,PartitionKey=k Data=two,PartitionKey=k --query 'Records[0].SequenceNumber' --output text)
  equal "$(texts "$(iterator cli-records TRIM_HORIZON)")" $'hello\none\ntwo'
  equal "$(texts "$(iterator cli-records AT_SEQUENCE_NUMBER --starting-sequence-number "$sequence")")" $'one\ntwo'
  equal "$(texts "$(iterator cli-records AFTER_SEQUENCE_NUMBER --starting-sequence-number "$sequence")")" two
  equal "$(texts "$(iterator cli-records AT_TIMESTAMP --timestamp 2020-01-01T00:00:00Z)")" $'hello\none\ntwo'
  equal "$(texts "$(iterator cli-records LATEST)")" ''
}

reshard() {
  kinesis create-stream --stream-name cli-reshard --shard-count 1
  active cli-reshard
  kinesis split-shard --stream-name cli-reshard --shard-to-split $first_shard \
    --new-starting-hash-key 170141183460469231731687303715884105728
  active cli-reshard
  kinesis merge-shards --stream-name cli-reshard \
    --shard-to-merge shardId-000000000001 --adjacent-shard-to-merge shardId-000000000002
  active cli-reshard
  equal "$(kinesis list-shards --stream-name cli-reshard --output text \
    --query 'Shards[3].[ShardId, ParentShardId, AdjacentParentShardId]')" \
    $'shardId-000000000003\tshardId-000000000001\tshardId-000000000002'
}

settings() {
  kinesis create-stream --stream-name cli-settings --shard-count 1
  active cli-settings
  kinesis add-tags-to-stream --stream-name cli-settings --tags team=a,cost=7
  kinesis remove-tags-from-stream --stream-name cli-settings --tag-keys cost
  equal "$(kinesis list-tags-for-stream --stream-name cli-settings --query 'Tags[].[Key, Value] | []' --output text)" \
    $'team\ta'
  kinesis increase-stream-retention-period --stream-name cli-settings --retention-period-hours 48
  active cli-settings
  equal "$(kinesis describe-stream-summary --stream-name cli-settings \
    --query StreamDescriptionSummary.RetentionPeriodHours)" 48
  kinesis update-shard-count --stream-name cli-settings --target-shard-count 2 --scaling-type UNIFORM_SCALING
  active cli-settings
  equal "$(kinesis describe-stream-summary --stream-name cli-settings \
    --query StreamDescriptionSummary.OpenShardCount)" 2
  kinesis describe-limits
  kinesis decrease-stream-retention-period --stream-name cli-settings --retention-period-hours 24
  active cli-settings
  kinesis enable-enhanced-monitoring --stream-name cli-settings --shard-level-metrics ALL
  kinesis disable-enhanced-monitoring --stream-name cli-settings --shard-level-metrics IncomingBytes
  encryption=(--stream-name cli-settings --encryption-type KMS --key-id alias/aws/kinesis)
  kinesis start-stream-encryption "${encryption[@]}"
  active cli-settings
  equal "$(kinesis describe-stream-summary --stream-name cli-settings --output text \
    --query 'StreamDescriptionSummary.[EncryptionType, KeyId]')" $'KMS\talias/aws/kinesis'
  equal "$(data put-record --stream-name cli-settings --partition-key k --data secret \
    --query EncryptionType --output text)" KMS
  kinesis stop-stream-encryption "${encryption[@]}"
  active cli-settings
  equal "$(kinesis describe-stream-summary --stream-name cli-settings \
    --query StreamDescriptionSummary.EncryptionType --output text)" NONE
}

# What the newest AWS CLI alone knows.
extras() {
  kinesis create-stream --stream-name cli-extras --shard-count 1
  active cli-extras
  local arn policy
  arn=$(kinesis describe-stream-summary --stream-name cli-extras \
    --query StreamDescriptionSummary.StreamARN --output text)
  policy="{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kinesis:GetRecords\",\"Resource\":\"$arn\"}}"
  kinesis put-resource-policy --resource-arn "$arn" --policy "$policy"
  equal "$(kinesis get-resource-policy --resource-arn "$arn" --query Policy --output text)" "$policy"
  kinesis delete-resource-policy --resource-arn "$arn"
  kinesis tag-resource --resource-arn "$arn" --tags team=a,cost=7
  kinesis untag-resource --resource-arn "$arn" --tag-keys cost
  equal "$(kinesis list-tags-for-resource --resource-arn "$arn" --query 'Tags[].[Key, Value] | []' --output text)" $'team\ta'
  kinesis update-max-record-size --stream-arn "$arn" --max-record-size-in-ki-b 2048
  active cli-extras
  kinesis update-account-settings --minimum-throughput-billing-commitment Status=ENABLED
  equal "$(kinesis describe-account-settings --query MinimumThroughputBillingCommitment.Status --output text)" ENABLED
  kinesis update-stream-mode --stream-arn "$arn" --stream-mode-details StreamMode=ON_DEMAND
  active cli-extras
  kinesis update-stream-warm-throughput --stream-name cli-extras --warm-throughput-mi-bps 6
  active cli-extras
  equal "$(kinesis describe-stream-summary --stream-name cli-extras \
    --query 'StreamDescriptionSummary.[MaxRecordSizeInKiB, OpenShardCount]' --output text)" $'2048\t6'
}

consumers() {
  kinesis create-stream --stream-name cli-consumers --shard-count 1
  active cli-consumers
  local arn consumer
  arn=$(kinesis describe-stream-summary --stream-name cli-consumers \
    --query StreamDescriptionSummary.StreamARN --output text)
  consumer=$(kinesis register-stream-consumer --stream-arn "$arn" --consumer-name reader \
    --query Consumer.ConsumerARN --output text)
  while [ "$(kinesis describe-stream-consumer --consumer-arn "$consumer" \
    --query ConsumerDescription.ConsumerStatus --output text)" != ACTIVE ]; do :; done
  equal "$(kinesis list-stream-consumers --stream-arn "$arn" --query 'Consumers[].ConsumerName' --output text)" reader
  kinesis deregister-stream-consumer --consumer-arn "$consumer"
}

tls() {
  program+=(--endpoint-url "$COMPAT_TLS_ENDPOINT")
  kinesis create-stream --stream-name cli-tls --shard-count 1
  active cli-tls
  data put-record --stream-name cli-tls --partition-key k --data secret
  equal "$(texts "$(iterator cli-tls TRIM_HORIZON)")" secret
}

for scenario in "$@"; do
  : >"$called"
  # A function called in a condition would go on after a failure: it runs in a shell of its own that does not.
  (set -e; "$scenario") >/dev/null 2>"$said"
  if [ $? -eq 0 ]; then
    operations=$(sort -u "$called" | sed 's/.*/"&"/' | paste -sd, -)
    printf '{"scenario":"%s","passed":true,"operations":[%s]}\n' "$scenario" "$operations"
  else
    error=$(tail -n 3 "$said" | tr '\n"\\' "  '/" | tr -d '[:cntrl:]')
    printf '{"scenario":"%s","passed":false,"error":"%s","operations":[]}\n' "$scenario" "$error"
  fi
done
