#!/bin/sh
# java, trusting the certificate in $AWS_CA_BUNDLE: Java looks into a trust store and at no variable. The store goes
# beside the certificate, and away with it.
set -eu
store=$(mktemp -u "$(dirname "$AWS_CA_BUNDLE")/trust-XXXXXX")
keytool -importcert -noprompt -alias millrace -file "$AWS_CA_BUNDLE" \
  -storetype PKCS12 -keystore "$store" -storepass millrace >/dev/null 2>&1
exec java -Djavax.net.ssl.trustStore="$store" -Djavax.net.ssl.trustStorePassword=millrace "$@"
