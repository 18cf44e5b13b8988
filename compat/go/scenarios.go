package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

const firstShard = "shardId-000000000000"

var stream = client(nil)

var scenarios = map[string]func(){
	"life":            life,
	"records":         records,
	"reshard":         reshard,
	"names":           names,
	"trouble":         trouble,
	"expiry":          expiry,
	"settings":        settings,
	"distribution":    distribution,
	"fan-out":         fanOut,
	"tls":             secured,
	"large":           large,
	"thousand-shards": thousandShards,
	"sparse":          sparse,
	"crash":           crash,
}

// answer is what a call brought, which must have gone well.
func answer[T any](value T, err error) T {
	must(err)
	return value
}

// refused is the message of the refusal that must come.
func refused[T any](_ T, err error) func(code string) string {
	return func(code string) string {
		var refusal smithy.APIError
		ensure(errors.As(err, &refusal) && refusal.ErrorCode() == code, "%v is no %s", err, code)
		return refusal.ErrorMessage()
	}
}

func active(from *kinesis.Client, name string) *types.StreamDescriptionSummary {
	waiter := kinesis.NewStreamExistsWaiter(from, func(options *kinesis.StreamExistsWaiterOptions) {
		options.MinDelay, options.MaxDelay = 20*time.Millisecond, 100*time.Millisecond
	})
	must(waiter.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &name}, time.Minute))
	for {
		summary := answer(from.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name}))
		if summary.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive {
			return summary.StreamDescriptionSummary
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func create(name string, shards int32) *types.StreamDescriptionSummary {
	answer(stream.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}))
	return active(stream, name)
}

func put(name, key string, data []byte) *kinesis.PutRecordOutput {
	return answer(stream.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &name, PartitionKey: &key, Data: data}))
}

// readShard reads a shard to its end, or up to the latest, and its children at its end.
func readShard(from *kinesis.Client, name, shard string, position kinesis.GetShardIteratorInput) ([]types.Record, []types.ChildShard) {
	position.StreamName, position.ShardId = &name, &shard
	if position.ShardIteratorType == "" {
		position.ShardIteratorType = types.ShardIteratorTypeTrimHorizon
	}
	iterator := answer(from.GetShardIterator(ctx, &position)).ShardIterator
	found := []types.Record{}
	for {
		page := answer(from.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator}))
		found = append(found, page.Records...)
		if page.NextShardIterator == nil {
			return found, page.ChildShards
		}
		ensure(page.ChildShards == nil, "children only at the end")
		iterator = page.NextShardIterator
		if *page.MillisBehindLatest == 0 {
			return found, nil
		}
	}
}

func readAll(name string) []types.Record {
	found, _ := readShard(stream, name, firstShard, kinesis.GetShardIteratorInput{})
	return found
}

func texts(found []types.Record) []string {
	data := []string{}
	for _, record := range found {
		data = append(data, string(record.Data))
	}
	return data
}

func life() {
	name := "go-life"
	summary := create(name, 3)
	ensure(*summary.OpenShardCount == 3, "%d shards", *summary.OpenShardCount)
	arn := regexp.MustCompile(`^arn:aws:kinesis:us-east-1:\d{12}:stream/go-life$`)
	ensure(arn.MatchString(*summary.StreamARN), "%s", *summary.StreamARN)
	description := answer(stream.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: &name}))
	ensure(len(description.StreamDescription.Shards) == 3, "shards of DescribeStream")
	listed := []string{}
	for pages := kinesis.NewListStreamsPaginator(stream, &kinesis.ListStreamsInput{}); pages.HasMorePages(); {
		listed = append(listed, answer(pages.NextPage(ctx)).StreamNames...)
	}
	ensure(slices.Contains(listed, name), "%v", listed)
	message := refused(stream.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(1)}))("ResourceInUseException")
	taken := regexp.MustCompile(`^Stream go-life under account \d{12} already exists\.$`)
	ensure(taken.MatchString(message), "%s", message)
	// The SDK itself lets a bad name through and leaves it to the service.
	message = refused(stream.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("not a name"), ShardCount: aws.Int32(1)}))("ValidationException")
	ensure(strings.HasPrefix(message, "1 validation error detected: Value 'not a name' at 'streamName' failed"), "%s", message)
	answer(stream.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: &name}))
	waiter := kinesis.NewStreamNotExistsWaiter(stream, func(options *kinesis.StreamNotExistsWaiterOptions) {
		options.MinDelay, options.MaxDelay = 20*time.Millisecond, 100*time.Millisecond
	})
	must(waiter.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &name}, time.Minute))
	_, err := stream.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
	var gone *types.ResourceNotFoundException
	ensure(errors.As(err, &gone), "%v", err)
}

func records() {
	name := "go-records"
	create(name, 2)
	binary, large := make([]byte, 1024), make([]byte, 1024*1024-1)
	rand.Read(binary)
	rand.Read(large)
	for _, data := range [][]byte{binary, large} {
		first := answer(stream.PutRecord(ctx, &kinesis.PutRecordInput{
			StreamName: &name, PartitionKey: aws.String("a"), ExplicitHashKey: aws.String("0"), Data: data}))
		ensure(*first.ShardId == firstShard, "%s", *first.ShardId)
	}
	entries, expected := []types.PutRecordsRequestEntry{}, []string{}
	for i := range 500 {
		entries = append(entries, types.PutRecordsRequestEntry{
			PartitionKey: aws.String(fmt.Sprintf("k%d", i)), ExplicitHashKey: aws.String("0"), Data: []byte(strconv.Itoa(i))})
		expected = append(expected, strconv.Itoa(i))
	}
	batch := answer(stream.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: entries}))
	ensure(*batch.FailedRecordCount == 0, "%d failed", *batch.FailedRecordCount)
	found := readAll(name)
	ensure(bytes.Equal(found[0].Data, binary) && bytes.Equal(found[1].Data, large), "binary data")
	ensure(slices.Equal(texts(found[2:]), expected), "%v", texts(found[2:]))
	number := batch.Records[100].SequenceNumber
	for kind, from := range map[types.ShardIteratorType]int{
		types.ShardIteratorTypeAtSequenceNumber: 100, types.ShardIteratorTypeAfterSequenceNumber: 101} {
		later, _ := readShard(stream, name, firstShard, kinesis.GetShardIteratorInput{ShardIteratorType: kind, StartingSequenceNumber: number})
		ensure(slices.Equal(texts(later), expected[from:]), "%s: %v", kind, texts(later))
	}
	moment := found[2].ApproximateArrivalTimestamp
	later, _ := readShard(stream, name, firstShard, kinesis.GetShardIteratorInput{
		ShardIteratorType: types.ShardIteratorTypeAtTimestamp, Timestamp: moment})
	ensure(len(later) >= 500, "%d from the time of the batch", len(later))
	for _, record := range later {
		ensure(!record.ApproximateArrivalTimestamp.Before(*moment), "%v is before %v", record.ApproximateArrivalTimestamp, moment)
	}
	latest := answer(stream.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &name, ShardId: aws.String(firstShard), ShardIteratorType: types.ShardIteratorTypeLatest})).ShardIterator
	answer(stream.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName: &name, PartitionKey: aws.String("z"), ExplicitHashKey: aws.String("0"), Data: []byte("new")}))
	page := answer(stream.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: latest}))
	ensure(slices.Equal(texts(page.Records), []string{"new"}), "%v", texts(page.Records))
}

func reshard() {
	name := "go-reshard"
	create(name, 2)
	round := func(number int) {
		entries := []types.PutRecordsRequestEntry{}
		for key := range 50 {
			entries = append(entries, types.PutRecordsRequestEntry{
				PartitionKey: aws.String(fmt.Sprintf("key-%d", key)), Data: []byte(strconv.Itoa(number))})
		}
		batch := answer(stream.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: entries}))
		ensure(*batch.FailedRecordCount == 0, "%d failed", *batch.FailedRecordCount)
	}
	round(0)
	answer(stream.SplitShard(ctx, &kinesis.SplitShardInput{
		StreamName: &name, ShardToSplit: aws.String(firstShard), NewStartingHashKey: aws.String("85070591730234615865843651857942052864")}))
	round(1)
	active(stream, name)
	round(2)
	answer(stream.MergeShards(ctx, &kinesis.MergeShardsInput{
		StreamName: &name, ShardToMerge: aws.String("shardId-000000000003"), AdjacentShardToMerge: aws.String("shardId-000000000001")}))
	round(3)
	active(stream, name)
	round(4)
	shards := answer(stream.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &name})).Shards
	ensure(len(shards) == 5, "%d shards", len(shards))
	ensure(*shards[4].ParentShardId == "shardId-000000000003" && *shards[4].AdjacentParentShardId == "shardId-000000000001", "parents of the merged shard")
	seen := map[string][]string{}
	for _, shard := range shards {
		found, children := readShard(stream, name, *shard.ShardId, kinesis.GetShardIteratorInput{})
		for _, record := range found {
			seen[*record.PartitionKey] = append(seen[*record.PartitionKey], string(record.Data))
		}
		ensure((children != nil) == (shard.SequenceNumberRange.EndingSequenceNumber != nil), "children of %s", *shard.ShardId)
		for _, child := range children {
			ensure(slices.Contains(child.ParentShards, *shard.ShardId), "%s has other parents", *child.ShardId)
		}
	}
	ensure(len(seen) == 50, "%d keys", len(seen))
	for key, values := range seen {
		ensure(slices.Equal(values, []string{"0", "1", "2", "3", "4"}), "%s: %v", key, values)
	}
}

func names() {
	name := "go-names"
	arn := create(name, 1).StreamARN
	answer(stream.PutRecord(ctx, &kinesis.PutRecordInput{StreamARN: arn, PartitionKey: aws.String("k"), Data: []byte("x")}))
	summary := answer(stream.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: arn}))
	ensure(*summary.StreamDescriptionSummary.StreamName == name, "%s", *summary.StreamDescriptionSummary.StreamName)
	for _, elsewhere := range []func(*config.LoadOptions) error{
		config.WithRegion("eu-west-1"),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("111122223333", "x", "")),
	} {
		other := client([]func(*config.LoadOptions) error{elsewhere})
		listed := answer(other.ListStreams(ctx, &kinesis.ListStreamsInput{})).StreamNames
		ensure(len(listed) == 0, "%v", listed)
		refused(other.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name}))("ResourceNotFoundException")
	}
}

func trouble() {
	name := "go-trouble"
	create(name, 1)
	faults := []string{"throttle", "internal-error", "drop-answer"}
	for _, fault := range faults {
		control("faults", map[string]any{"fault": fault, "operation": "PutRecord", "stream": name, "count": 1})
		put(name, "k", []byte(fault))
	}
	// What was lost on its way back is put again: at least once is what AWS promises too.
	found := texts(readAll(name))
	ensure(slices.Equal(found, append(faults, "drop-answer")), "%v", found)
	control("faults", map[string]any{"fault": "fail-records", "stream": name, "probability": 0.5, "seed": 1, "count": 5})
	batch, expected := []types.PutRecordsRequestEntry{}, []string{}
	for i := range 20 {
		batch = append(batch, types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: []byte(strconv.Itoa(i))})
		expected = append(expected, strconv.Itoa(i))
	}
	first := answer(stream.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: batch}))
	ensure(*first.FailedRecordCount == 5, "%d failed", *first.FailedRecordCount)
	again := []types.PutRecordsRequestEntry{}
	for i, each := range first.Records {
		if each.ErrorCode != nil {
			ensure(*each.ErrorCode == "ProvisionedThroughputExceededException", "%s", *each.ErrorCode)
			again = append(again, batch[i])
		}
	}
	second := answer(stream.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: again}))
	ensure(*second.FailedRecordCount == 0, "%d failed again", *second.FailedRecordCount)
	found = texts(readAll(name)[4:])
	slices.Sort(found)
	slices.Sort(expected)
	ensure(slices.Equal(found, expected), "%v", found)
}

func expiry() {
	name := "go-expiry"
	create(name, 1)
	number := put(name, "k", []byte("0")).SequenceNumber
	iterator := answer(stream.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &name, ShardId: aws.String(firstShard), ShardIteratorType: types.ShardIteratorTypeTrimHorizon})).ShardIterator
	control("clock/advance", map[string]any{"ms": 300_001})
	_, err := stream.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator})
	var expired *types.ExpiredIteratorException
	ensure(errors.As(err, &expired), "%v", err)
	said := regexp.MustCompile(`^Iterator expired\. The iterator was created at time .* 300000 milliseconds\.$`)
	ensure(said.MatchString(expired.ErrorMessage()), "%s", expired.ErrorMessage())
	put(name, "k", []byte("1"))
	later, _ := readShard(stream, name, firstShard, kinesis.GetShardIteratorInput{
		ShardIteratorType: types.ShardIteratorTypeAfterSequenceNumber, StartingSequenceNumber: number})
	ensure(slices.Equal(texts(later), []string{"1"}), "%v", texts(later))
}

func distribution() {
	name := "go-distribution"
	answer(stream.CreateStream(ctx, &kinesis.CreateStreamInput{
		StreamName: &name, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}}))
	arn := active(stream, name).StreamARN
	answer(stream.UpdateStreamRecordDistributionStrategy(ctx, &kinesis.UpdateStreamRecordDistributionStrategyInput{
		StreamARN: arn, RecordDistributionStrategy: types.RecordDistributionStrategyAuto}))
	ensure(active(stream, name).RecordDistributionStrategy == types.RecordDistributionStrategyAuto, "strategy")
	// The stream spreads them by itself: no key is asked for.
	records := make([]types.PutRecordsRequestEntry, 100)
	for i := range records {
		records[i].Data = []byte("x")
	}
	shards := map[string]bool{}
	for _, record := range answer(stream.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: records})).Records {
		shards[*record.ShardId] = true
	}
	ensure(len(shards) == 4, "%d shards", len(shards))
}

func settings() {
	name := "go-settings"
	arn := create(name, 2).StreamARN

	answer(stream.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: &name, Tags: map[string]string{"team": "a", "cost": "7"}}))
	answer(stream.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{StreamName: &name, TagKeys: []string{"cost"}}))
	tags := answer(stream.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: &name})).Tags
	ensure(len(tags) == 1 && *tags[0].Key == "team" && *tags[0].Value == "a", "tags of the stream")
	answer(stream.TagResource(ctx, &kinesis.TagResourceInput{ResourceARN: arn, Tags: map[string]string{"stage": "test"}}))
	answer(stream.UntagResource(ctx, &kinesis.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"team"}}))
	tags = answer(stream.ListTagsForResource(ctx, &kinesis.ListTagsForResourceInput{ResourceARN: arn})).Tags
	ensure(len(tags) == 1 && *tags[0].Key == "stage" && *tags[0].Value == "test", "tags of the resource")

	answer(stream.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: &name, RetentionPeriodHours: aws.Int32(48)}))
	ensure(*active(stream, name).RetentionPeriodHours == 48, "longer retention")
	answer(stream.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: &name, RetentionPeriodHours: aws.Int32(24)}))
	ensure(*active(stream, name).RetentionPeriodHours == 24, "shorter retention")

	metrics := answer(stream.EnableEnhancedMonitoring(ctx, &kinesis.EnableEnhancedMonitoringInput{
		StreamName: &name, ShardLevelMetrics: []types.MetricsName{types.MetricsNameIncomingBytes}}))
	ensure(slices.Equal(metrics.DesiredShardLevelMetrics, []types.MetricsName{types.MetricsNameIncomingBytes}), "metrics")
	active(stream, name)
	answer(stream.DisableEnhancedMonitoring(ctx, &kinesis.DisableEnhancedMonitoringInput{
		StreamName: &name, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}}))
	active(stream, name)

	scaled := answer(stream.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
		StreamName: &name, TargetShardCount: aws.Int32(4), ScalingType: types.ScalingTypeUniformScaling}))
	ensure(*scaled.CurrentShardCount == 2 && *scaled.TargetShardCount == 4, "scaling")
	ensure(*active(stream, name).OpenShardCount == 4, "scaled")
	refused(stream.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
		StreamName: &name, TargetShardCount: aws.Int32(100), ScalingType: types.ScalingTypeUniformScaling}))("LimitExceededException")

	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kinesis:PutRecord","Resource":"%s"}]}`, *arn)
	answer(stream.PutResourcePolicy(ctx, &kinesis.PutResourcePolicyInput{ResourceARN: arn, Policy: &policy}))
	kept := answer(stream.GetResourcePolicy(ctx, &kinesis.GetResourcePolicyInput{ResourceARN: arn})).Policy
	ensure(*kept == policy, "%s", *kept)
	answer(stream.DeleteResourcePolicy(ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: arn}))

	key := aws.String("alias/aws/kinesis")
	answer(stream.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{StreamName: &name, EncryptionType: types.EncryptionTypeKms, KeyId: key}))
	ensure(active(stream, name).EncryptionType == types.EncryptionTypeKms, "encryption")
	ensure(put(name, "k", []byte("secret")).EncryptionType == types.EncryptionTypeKms, "encryption of a record")
	answer(stream.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{StreamName: &name, EncryptionType: types.EncryptionTypeKms, KeyId: key}))
	ensure(active(stream, name).EncryptionType == types.EncryptionTypeNone, "no encryption")

	answer(stream.UpdateMaxRecordSize(ctx, &kinesis.UpdateMaxRecordSizeInput{StreamARN: arn, MaxRecordSizeInKiB: aws.Int32(2048)}))
	ensure(*active(stream, name).MaxRecordSizeInKiB == 2048, "size of a record")
	put(name, "k", make([]byte, 1536*1024))

	answer(stream.UpdateAccountSettings(ctx, &kinesis.UpdateAccountSettingsInput{
		MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{Status: types.MinimumThroughputBillingCommitmentInputStatusEnabled}}))
	commitment := answer(stream.DescribeAccountSettings(ctx, &kinesis.DescribeAccountSettingsInput{})).MinimumThroughputBillingCommitment
	ensure(commitment.Status == types.MinimumThroughputBillingCommitmentOutputStatusEnabled, "%s", commitment.Status)

	answer(stream.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{
		StreamARN: arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}}))
	ensure(active(stream, name).StreamModeDetails.StreamMode == types.StreamModeOnDemand, "mode")
	warm := answer(stream.UpdateStreamWarmThroughput(ctx, &kinesis.UpdateStreamWarmThroughputInput{StreamARN: arn, WarmThroughputMiBps: aws.Int32(8)}))
	ensure(*warm.WarmThroughput.TargetMiBps == 8, "warm throughput")
	active(stream, name)
	limits := answer(stream.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{}))
	ensure(*limits.ShardLimit > 0 && *limits.OnDemandStreamCount >= 1, "limits")
}

func fanOut() {
	name := "go-fan-out"
	arn := create(name, 1).StreamARN
	consumer := answer(stream.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN: arn, ConsumerName: aws.String("reader")})).Consumer.ConsumerARN
	describe := &kinesis.DescribeStreamConsumerInput{ConsumerARN: consumer}
	for answer(stream.DescribeStreamConsumer(ctx, describe)).ConsumerDescription.ConsumerStatus != types.ConsumerStatusActive {
		time.Sleep(20 * time.Millisecond)
	}
	listed := answer(stream.ListStreamConsumers(ctx, &kinesis.ListStreamConsumersInput{StreamARN: arn})).Consumers
	ensure(len(listed) == 1 && *listed[0].ConsumerName == "reader", "consumers")
	expected := []string{}
	for i := range 10 {
		expected = append(expected, strconv.Itoa(i))
		put(name, "k", []byte(strconv.Itoa(i)))
	}
	subscription := answer(stream.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: consumer, ShardId: aws.String(firstShard),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}})).GetStream()
	found := []types.Record{}
	for event := range subscription.Events() {
		value := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		ensure(value.ContinuationSequenceNumber != nil, "an event with nothing to go on from")
		found = append(found, value.Records...)
		if len(found) >= 10 {
			break
		}
	}
	must(subscription.Close())
	ensure(slices.Equal(texts(found), expected), "%v", texts(found))
	answer(stream.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: consumer}))
	for {
		_, err := stream.DescribeStreamConsumer(ctx, describe)
		var gone *types.ResourceNotFoundException
		if errors.As(err, &gone) {
			return
		}
		must(err)
		time.Sleep(20 * time.Millisecond)
	}
}

func secured() {
	name := "go-tls"
	over := client(nil, func(options *kinesis.Options) { options.BaseEndpoint = aws.String(os.Getenv("COMPAT_TLS_ENDPOINT")) })
	answer(over.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(1)}))
	active(over, name)
	answer(over.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &name, PartitionKey: aws.String("k"), Data: []byte("secret")}))
	found, _ := readShard(over, name, firstShard, kinesis.GetShardIteratorInput{})
	ensure(slices.Equal(texts(found), []string{"secret"}), "%v", texts(found))
}
