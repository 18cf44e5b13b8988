package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// What is rare and still must hold: the largest record, a thousand shards, an hour in which little comes, a server that
// is killed while it is written to.

const mib = 1024 * 1024

var twoShards = []string{"shardId-000000000000", "shardId-000000000001"}

func noise(size int) []byte {
	data := make([]byte, size)
	rand.Read(data)
	return data
}

func large() {
	name := "go-large"
	arn := create(name, 1).StreamARN
	record := func(data []byte) *kinesis.PutRecordInput {
		return &kinesis.PutRecordInput{StreamName: &name, PartitionKey: aws.String("key"), Data: data}
	}
	// The key counts: a record of a MiB is what a stream takes that was told nothing.
	refused(stream.PutRecord(ctx, record(noise(mib-2))))("ValidationException")
	answer(stream.UpdateMaxRecordSize(ctx, &kinesis.UpdateMaxRecordSizeInput{StreamARN: arn, MaxRecordSizeInKiB: aws.Int32(10_240)}))
	active(stream, name)
	largest := [][]byte{noise(10*mib - 3), noise(10*mib - 3)}
	put(name, "key", []byte("before"))
	put(name, "key", largest[0])
	batch := answer(stream.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: []types.PutRecordsRequestEntry{
		{PartitionKey: aws.String("key"), Data: largest[1]}}}))
	ensure(*batch.FailedRecordCount == 0, "%d failed", *batch.FailedRecordCount)
	put(name, "key", []byte("after"))
	refused(stream.PutRecord(ctx, record(noise(10*mib-2))))("ValidationException")
	found := readAll(name)
	ensure(len(found) == 4, "%d records", len(found))
	for i, data := range [][]byte{[]byte("before"), largest[0], largest[1], []byte("after")} {
		ensure(bytes.Equal(found[i].Data, data), "record %d", i)
	}
}

func thousandShards() {
	name := "go-thousand-shards"
	ensure(*create(name, 1000).OpenShardCount == 1000, "open shards")
	shards, sizes := []types.Shard{}, []int{}
	for page := (&kinesis.ListShardsInput{StreamName: &name, MaxResults: aws.Int32(300)}); page != nil; {
		listed := answer(stream.ListShards(ctx, page))
		shards, sizes = append(shards, listed.Shards...), append(sizes, len(listed.Shards))
		page = nil
		if listed.NextToken != nil {
			page = &kinesis.ListShardsInput{NextToken: listed.NextToken, MaxResults: aws.Int32(300)}
		}
	}
	ensure(slices.Equal(sizes, []int{300, 300, 300, 100}), "%v", sizes)
	ids := []string{}
	for _, shard := range shards {
		ids = append(ids, *shard.ShardId)
	}
	described := []string{}
	for input, more := (&kinesis.DescribeStreamInput{StreamName: &name}), true; more; {
		description := answer(stream.DescribeStream(ctx, input)).StreamDescription
		for _, shard := range description.Shards {
			described = append(described, *shard.ShardId)
		}
		more = *description.HasMoreShards
		input.ExclusiveStartShardId = aws.String(described[len(described)-1])
	}
	ensure(slices.Equal(described, ids) && len(slices.Compact(slices.Clone(ids))) == 1000, "DescribeStream told of %d", len(described))
	for half := range slices.Chunk(shards, 500) {
		entries, expected := []types.PutRecordsRequestEntry{}, []string{}
		for _, shard := range half {
			entries = append(entries, types.PutRecordsRequestEntry{
				PartitionKey: aws.String("k"), ExplicitHashKey: shard.HashKeyRange.StartingHashKey, Data: []byte(*shard.ShardId)})
			expected = append(expected, *shard.ShardId)
		}
		batch := answer(stream.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: entries}))
		ensure(*batch.FailedRecordCount == 0, "%d failed", *batch.FailedRecordCount)
		for i, result := range batch.Records {
			ensure(*result.ShardId == expected[i], "%s went to %s", expected[i], *result.ShardId)
		}
	}
	for _, shard := range ids {
		found, _ := readShard(stream, name, shard, kinesis.GetShardIteratorInput{})
		ensure(slices.Equal(texts(found), []string{shard}), "%s has %v", shard, texts(found))
	}
	answer(stream.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: &name}))
}

func sparse() {
	name := "go-sparse"
	create(name, 2)
	iterators := map[string]*string{}
	for _, shard := range twoShards {
		iterators[shard] = answer(stream.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
			StreamName: &name, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})).ShardIterator
	}
	last := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1)).String()
	came, expected := []types.Record{}, []string{}
	control("clock/hold", map[string]any{})
	for minute := range 60 {
		control("clock/advance", map[string]any{"ms": 60_000})
		hash := "0"
		if minute%2 == 1 {
			hash = last
		}
		expected = append(expected, strconv.Itoa(minute))
		answer(stream.PutRecord(ctx, &kinesis.PutRecordInput{
			StreamName: &name, PartitionKey: aws.String("k"), ExplicitHashKey: &hash, Data: []byte(expected[minute])}))
		// Each iterator is from the answer before, a minute ago; of two shards one has brought nothing.
		for before, deadline := len(came), time.Now().Add(10*time.Second); len(came) == before; {
			ensure(time.Now().Before(deadline), "the record of minute %d did not come", minute)
			for _, shard := range twoShards {
				page := answer(stream.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterators[shard]}))
				iterators[shard] = page.NextShardIterator
				ensure(*page.MillisBehindLatest == 0, "behind by %d ms", *page.MillisBehindLatest)
				came = append(came, page.Records...)
			}
		}
	}
	control("clock/release", map[string]any{})
	ensure(slices.Equal(texts(came), expected), "%v", texts(came))
	for i := range 59 {
		apart := came[i+1].ApproximateArrivalTimestamp.Sub(*came[i].ApproximateArrivalTimestamp)
		ensure(apart == time.Minute, "record %d came %s after the one before", i+1, apart)
	}
	later, _ := readShard(stream, name, firstShard, kinesis.GetShardIteratorInput{
		ShardIteratorType: types.ShardIteratorTypeAtTimestamp, Timestamp: came[30].ApproximateArrivalTimestamp})
	ensure(len(later) == 15 && string(later[0].Data) == "30", "%v", texts(later))
}

const (
	crashes = 3
	// How much is put between two crashes at least.
	roundsMin = 10
	// A client gives up after it was refused a few times; the server needs a while on a machine that is busy.
	startMax = 2 * time.Minute
)

func crash() {
	name := "go-crash"
	doomed := client(nil, func(options *kinesis.Options) {
		options.BaseEndpoint = aws.String(os.Getenv("COMPAT_CRASHING_ENDPOINT"))
	})
	answer(doomed.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(2)}))
	active(doomed, name)
	rounds := 0
	for range crashes {
		for range roundsMin {
			putAll(doomed, name, rounds)
			rounds++
		}
		back := make(chan error, 1)
		go func() {
			answer, err := http.Post(os.Getenv("COMPAT_CRASH_URL"), "text/plain", strings.NewReader(""))
			if err == nil && answer.StatusCode != 200 {
				err = fmt.Errorf("the server did not come back: %s", answer.Status)
			}
			back <- err
		}()
		for waiting := true; waiting; rounds++ {
			putAll(doomed, name, rounds)
			select {
			case err := <-back:
				must(err)
				waiting = false
			default:
			}
		}
	}
	came := map[string][]string{}
	for _, shard := range twoShards {
		found, _ := readShard(doomed, name, shard, kinesis.GetShardIteratorInput{})
		for _, record := range found {
			came[*record.PartitionKey] = append(came[*record.PartitionKey], string(record.Data))
		}
	}
	all := []string{}
	for round := range rounds {
		all = append(all, strconv.Itoa(round))
	}
	ensure(len(came) == 20, "%d keys", len(came))
	for key, values := range came {
		// A put whose answer was lost with the server is made again: twice, and in its place.
		ensure(slices.Equal(slices.Compact(values), all), "%s: %v", key, values)
	}
}

// putAll puts one record of each key, again until all are acknowledged.
func putAll(to *kinesis.Client, name string, round int) {
	left := []types.PutRecordsRequestEntry{}
	for key := range 20 {
		left = append(left, types.PutRecordsRequestEntry{
			PartitionKey: aws.String(fmt.Sprintf("key-%d", key)), Data: []byte(strconv.Itoa(round))})
	}
	for deadline := time.Now().Add(startMax); len(left) > 0; {
		batch, err := to.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: left})
		if err != nil {
			ensure(time.Now().Before(deadline), "%v", err)
			time.Sleep(250 * time.Millisecond)
			continue
		}
		failed := []types.PutRecordsRequestEntry{}
		for i, result := range batch.Records {
			if result.ErrorCode != nil {
				failed = append(failed, left[i])
			}
		}
		left = failed
	}
}
