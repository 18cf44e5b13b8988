#!/bin/sh
# The MultiLangDaemon as a worker (kcl/worker.mjs): daemon.sh PROCESSOR MODE <arguments of java>… APPLICATION STREAM
#
# PROCESSOR is the command that the daemon starts for each shard; MODE is POLLING or FANOUT. The daemon has its processors'
# stdin and stdout for itself, so these print their lines (java/worker/Lines.java) into the pipe at COMPAT_LINES, and what
# comes out of that is our stdout. What the daemon logs goes to stderr. It ends in good order by SIGTERM.
# COMPAT_CREDENTIALS is the property for the credentials of the environment, which has a name of its own in each generation.
set -eu
processor=$1
mode=$2
shift 2
# APPLICATION and STREAM come to the front.
left=$(($# - 2))
while [ "$left" -gt 0 ]; do
  set -- "$@" "$1"
  shift
  left=$((left - 1))
done
application=$1
stream=$2
shift 2

# Beside the certificate, and away with it.
folder=$(mktemp -d "$(dirname "$AWS_CA_BUNDLE")/daemon-XXXXXX")
COMPAT_LINES="$folder/lines"
export COMPAT_LINES
mkfifo "$COMPAT_LINES"
# For as long as Java lives somebody has the pipe open: between two processors it must not end.
exec 3<>"$COMPAT_LINES"
cat "$COMPAT_LINES" 3>&- &

# A consumer of KCL 3.1 that is asked to hand its lease over while it begins never does, when whoever should have it is killed:
# leases are not handed over, but taken. Everything is tried often: a scenario is short, and what is waited for has a second, not a minute. What only KCL 3 has is
# nothing to KCL 2.
cat >"$folder/daemon.properties" <<EOF
executableName = $processor
applicationName = $application
streamName = $stream
kinesisEndpoint = $AWS_ENDPOINT_URL
dynamoDBEndpoint = $COMPAT_DYNAMODB
regionName = $AWS_REGION
$COMPAT_CREDENTIALS
initialPositionInStream = TRIM_HORIZON
retrievalMode = $mode
metricsLevel = NONE
idleTimeBetweenReadsInMillis = 200
failoverTimeMillis = 3000
shardSyncIntervalMillis = 1000
parentShardPollIntervalMillis = 1000
listShardsBackoffTimeInMillis = 1000
schedulerInitializationBackoffTimeMillis = 1000
taskBackoffTimeMillis = 1000
shutdownGraceMillis = 5000
disableWorkerMetrics = true
varianceBalancingFrequency = 1
leaseAssignmentIntervalMillis = 1000
isGracefulLeaseHandoffEnabled = false
inMemoryWorkerMetricsCaptureFrequencyMillis = 1000
workerMetricsReporterFreqInMillis = 1000
EOF
exec "$COMPAT_JAVA" "$@" --properties-file "$folder/daemon.properties" --log-configuration logback.xml >&2
