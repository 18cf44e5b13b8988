#!/bin/sh
# java, trusting the certificate in $AWS_CA_BUNDLE: Java looks into a trust store and at no variable.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
keytool -importcert -noprompt -alias millrace -file "$AWS_CA_BUNDLE" \
  -storetype PKCS12 -keystore "$folder/trust" -storepass millrace >/dev/null 2>&1
java -Djavax.net.ssl.trustStore="$folder/trust" -Djavax.net.ssl.trustStorePassword=millrace "$@"
