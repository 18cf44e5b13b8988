//! What is rare and still must hold: the largest record, a thousand shards, an hour in which little comes, a server that
//! is killed while it is written to.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, ShardIteratorType};
use aws_sdk_kinesis::Client;

use crate::control::{control, crash_server};
use crate::scenarios::{
    active, client, counted, create, entry, put, read_all, read_shard, refused, texts, World, FIRST_SHARD,
};

const MIB: usize = 1024 * 1024;
const TWO_SHARDS: [&str; 2] = [FIRST_SHARD, "shardId-000000000001"];
const LOOK_MAX: Duration = Duration::from_secs(10);
const CRASHES: usize = 3;
/// How much is put between two crashes at least.
const ROUNDS_MIN: usize = 10;
/// A client gives up after it was refused a few times; the server needs a while on a machine that is busy.
const START_MAX: Duration = Duration::from_secs(120);
const AGAIN: Duration = Duration::from_millis(250);

/// Bytes of every kind, and others for another seed.
fn noise(size: usize, seed: usize) -> Vec<u8> {
    (0..size).map(|i| ((i + seed) * 2_654_435_761 >> 11) as u8).collect()
}

pub async fn large(World { kinesis, .. }: World) {
    let name = "rust-large";
    let arn = create(&kinesis, name, 1).await.stream_arn;
    // The key, which is "k", counts: a record of a MiB is what a stream takes that was told nothing.
    let too_large = |size| {
        let call = kinesis.put_record().stream_name(name).partition_key("k");
        refused(call.data(Blob::new(noise(size, 0))).send(), "ValidationException")
    };
    too_large(MIB).await;
    let call = kinesis.update_max_record_size().stream_arn(&arn);
    call.max_record_size_in_kib(10_240).send().await.unwrap();
    active(&kinesis, name).await;
    let largest = [noise(10 * MIB - 1, 1), noise(10 * MIB - 1, 2)];
    put(&kinesis, name, "before").await;
    put(&kinesis, name, largest[0].clone()).await;
    let record = PutRecordsRequestEntry::builder()
        .partition_key("k")
        .data(Blob::new(largest[1].clone()));
    let batch = kinesis.put_records().stream_name(name).records(record.build().unwrap());
    assert_eq!(batch.send().await.unwrap().failed_record_count, Some(0));
    put(&kinesis, name, "after").await;
    too_large(10 * MIB).await;
    let found = read_all(&kinesis, name).await;
    assert_eq!(found.len(), 4);
    let expected = [b"before".as_slice(), &largest[0], &largest[1], b"after"];
    for (record, data) in found.iter().zip(expected) {
        assert!(record.data.as_ref() == data, "a record of {} bytes", data.len());
    }
}

pub async fn thousand_shards(World { kinesis, .. }: World) {
    let name = "rust-thousand-shards";
    assert_eq!(create(&kinesis, name, 1000).await.open_shard_count, 1000);
    let mut shards = Vec::new();
    let mut sizes = Vec::new();
    let mut call = kinesis.list_shards().stream_name(name);
    loop {
        let page = call.max_results(300).send().await.unwrap();
        sizes.push(page.shards().len());
        shards.extend(page.shards.unwrap());
        let Some(token) = page.next_token else { break };
        call = kinesis.list_shards().next_token(token);
    }
    assert_eq!(sizes, [300, 300, 300, 100]);
    let mut described: Vec<String> = Vec::new();
    loop {
        let call = kinesis.describe_stream().stream_name(name);
        let answer = call
            .set_exclusive_start_shard_id(described.last().cloned())
            .send()
            .await
            .unwrap();
        let description = answer.stream_description.unwrap();
        described.extend(description.shards.into_iter().map(|shard| shard.shard_id));
        if !description.has_more_shards {
            break;
        }
    }
    let ids: Vec<String> = shards.iter().map(|shard| shard.shard_id.clone()).collect();
    assert_eq!(described, ids);
    for half in shards.chunks(500) {
        let records = half.iter().map(|shard| {
            let record = PutRecordsRequestEntry::builder()
                .partition_key("k")
                .data(Blob::new(shard.shard_id.as_str()));
            let hash = &shard.hash_key_range.as_ref().unwrap().starting_hash_key;
            record.explicit_hash_key(hash).build().unwrap()
        });
        let call = kinesis
            .put_records()
            .stream_name(name)
            .set_records(Some(records.collect()));
        let answer = call.send().await.unwrap();
        assert_eq!(answer.failed_record_count, Some(0));
        for (result, shard) in answer.records.iter().zip(half) {
            assert_eq!(result.shard_id.as_deref(), Some(shard.shard_id.as_str()));
        }
    }
    for shard in &ids {
        let (found, _) = read_shard(&kinesis, name, shard, ShardIteratorType::TrimHorizon, None).await;
        assert_eq!(texts(&found), [shard.as_str()]);
    }
    kinesis.delete_stream().stream_name(name).send().await.unwrap();
}

pub async fn sparse(World { kinesis, .. }: World) {
    let name = "rust-sparse";
    create(&kinesis, name, 2).await;
    let mut iterators = Vec::new();
    for shard in TWO_SHARDS {
        let call = kinesis.get_shard_iterator().stream_name(name).shard_id(shard);
        let answer = call
            .shard_iterator_type(ShardIteratorType::TrimHorizon)
            .send()
            .await
            .unwrap();
        iterators.push(answer.shard_iterator);
    }
    let mut came = Vec::new();
    control("clock/hold", "{}").await;
    for minute in 0..60 {
        control("clock/advance", r#"{"ms":60000}"#).await;
        let hash = if minute % 2 == 0 { 0 } else { u128::MAX };
        let call = kinesis.put_record().stream_name(name).partition_key("k");
        let call = call
            .explicit_hash_key(hash.to_string())
            .data(Blob::new(minute.to_string()));
        call.send().await.unwrap();
        // Each iterator is from the answer before, a minute ago; of two shards one has brought nothing.
        let (before, began) = (came.len(), Instant::now());
        while came.len() == before {
            assert!(began.elapsed() < LOOK_MAX, "the record of minute {minute} did not come");
            for iterator in &mut iterators {
                let page = kinesis
                    .get_records()
                    .set_shard_iterator(iterator.take())
                    .send()
                    .await
                    .unwrap();
                *iterator = page.next_shard_iterator;
                assert_eq!(page.millis_behind_latest, Some(0));
                came.extend(page.records);
            }
        }
    }
    control("clock/release", "{}").await;
    assert_eq!(texts(&came), counted(0..60));
    let arrivals: Vec<i64> = came
        .iter()
        .map(|record| record.approximate_arrival_timestamp.unwrap().to_millis().unwrap())
        .collect();
    assert!(
        arrivals.windows(2).all(|pair| pair[1] - pair[0] == 60_000),
        "{arrivals:?}"
    );
}

pub async fn crash(World { called, .. }: World) {
    let name = "rust-crash";
    let endpoint = std::env::var("COMPAT_CRASHING_ENDPOINT").unwrap();
    let doomed = client(called, |load| load.endpoint_url(endpoint)).await;
    create(&doomed, name, 2).await;
    let mut rounds = 0;
    for _ in 0..CRASHES {
        for _ in 0..ROUNDS_MIN {
            put_all(&doomed, name, rounds).await;
            rounds += 1;
        }
        let crashing = tokio::spawn(crash_server());
        while !crashing.is_finished() {
            put_all(&doomed, name, rounds).await;
            rounds += 1;
        }
        crashing.await.unwrap();
    }
    let mut came: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for shard in TWO_SHARDS {
        let (found, _) = read_shard(&doomed, name, shard, ShardIteratorType::TrimHorizon, None).await;
        for record in found {
            let text = texts(std::slice::from_ref(&record));
            came.entry(record.partition_key.unwrap()).or_default().extend(text);
        }
    }
    assert_eq!(came.len(), 20);
    for (key, mut values) in came {
        // A put whose answer was lost with the server is made again: twice, and in its place.
        values.dedup();
        assert_eq!(values, counted(0..rounds), "{key}");
    }
}

/// One record of each key, again until all are acknowledged.
async fn put_all(to: &Client, name: &str, round: usize) {
    let mut left: Vec<_> = (0..20)
        .map(|key| entry(format!("key-{key}"), round.to_string()))
        .collect();
    let began = Instant::now();
    while !left.is_empty() {
        let call = to.put_records().stream_name(name).set_records(Some(left.clone()));
        match call.send().await {
            Ok(answer) => {
                let results = left.into_iter().zip(answer.records);
                left = results
                    .filter(|(_, result)| result.error_code.is_some())
                    .map(|(record, _)| record)
                    .collect();
            }
            Err(error) => {
                assert!(began.elapsed() < START_MAX, "{error:?}");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
