# Streams and consumers as they are declared for AWS. Nothing of AWS but Kinesis is asked: the provider's own flags
# leave out what it would look up by itself.

variable "endpoint" { type = string }
variable "prefix" { type = string }

# What is changed in place, from its first value to another.
variable "shards" { default = 2 }
variable "retention_hours" { default = 48 }
variable "metrics" { default = ["IncomingBytes", "OutgoingBytes"] }
variable "tags" { default = { team = "mill", stage = "first" } }
variable "key" { default = "alias/aws/kinesis" }
variable "modes" { default = { first = "PROVISIONED", second = "ON_DEMAND" } }

provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_get_ec2_platforms      = true
  endpoints {
    kinesis = var.endpoint
  }
}

resource "aws_kinesis_stream" "full" {
  name                      = "${var.prefix}-full"
  shard_count               = var.shards
  retention_period          = var.retention_hours
  shard_level_metrics       = var.metrics
  encryption_type           = var.key == null ? "NONE" : "KMS"
  kms_key_id                = var.key
  enforce_consumer_deletion = true
  tags                      = var.tags
}

# All that need not be said is left to its defaults; one is of each mode, and both change theirs.
resource "aws_kinesis_stream" "plain" {
  for_each    = var.modes
  name        = "${var.prefix}-${each.key}"
  shard_count = each.value == "PROVISIONED" ? 2 : null
  stream_mode_details {
    stream_mode = each.value
  }
}

resource "aws_kinesis_stream_consumer" "reader" {
  name       = "reader"
  stream_arn = aws_kinesis_stream.full.arn
}

# Read back by their names, as another configuration would find them.
data "aws_kinesis_stream" "full" {
  name       = aws_kinesis_stream.full.name
  depends_on = [aws_kinesis_stream_consumer.reader]
}

data "aws_kinesis_stream_consumer" "reader" {
  name       = aws_kinesis_stream_consumer.reader.name
  stream_arn = aws_kinesis_stream.full.arn
}

output "found" {
  value = {
    open_shards = length(data.aws_kinesis_stream.full.open_shards)
    closed      = length(data.aws_kinesis_stream.full.closed_shards)
    retention   = data.aws_kinesis_stream.full.retention_period
    status      = data.aws_kinesis_stream.full.status
    tags        = data.aws_kinesis_stream.full.tags
    consumer    = data.aws_kinesis_stream_consumer.reader.arn == aws_kinesis_stream_consumer.reader.arn
  }
}
