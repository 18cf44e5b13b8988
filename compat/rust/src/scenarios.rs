use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::Credentials;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    ChildShard, ConsumerStatus, EncryptionType, MetricsName, MinimumThroughputBillingCommitmentInput,
    MinimumThroughputBillingCommitmentInputStatus, MinimumThroughputBillingCommitmentOutputStatus,
    PutRecordsRequestEntry, Record, ScalingType, ShardIteratorType, StartingPosition, StreamDescriptionSummary,
    StreamMode, StreamModeDetails, StreamStatus, SubscribeToShardEventStream,
};
use aws_sdk_kinesis::Client;

use crate::called::Called;
use crate::control::control;
use crate::extremes;

pub const FIRST_SHARD: &str = "shardId-000000000000";
const A_LITTLE: Duration = Duration::from_millis(20);

pub async fn run(name: &str, called: Called) {
    let world = World {
        called: called.clone(),
        kinesis: client(called, |load| load).await,
    };
    match name {
        "life" => life(world).await,
        "records" => records(world).await,
        "reshard" => reshard(world).await,
        "names" => names(world).await,
        "trouble" => trouble(world).await,
        "expiry" => expiry(world).await,
        "settings" => settings(world).await,
        "fan-out" => fan_out(world).await,
        "tls" => tls(world).await,
        "large" => extremes::large(world).await,
        "thousand-shards" => extremes::thousand_shards(world).await,
        "sparse" => extremes::sparse(world).await,
        "crash" => extremes::crash(world).await,
        other => panic!("there is no scenario {other}"),
    }
}

pub struct World {
    pub kinesis: Client,
    pub called: Called,
}

pub async fn client(called: Called, options: impl FnOnce(ConfigLoader) -> ConfigLoader) -> Client {
    let settings = options(aws_config::defaults(BehaviorVersion::latest())).load().await;
    Client::from_conf(
        aws_sdk_kinesis::config::Builder::from(&settings)
            .interceptor(called)
            .build(),
    )
}

/// The message of the refusal that must come.
pub async fn refused<T, E: ProvideErrorMetadata, R>(
    call: impl Future<Output = Result<T, SdkError<E, R>>>,
    code: &str,
) -> String {
    let error = call.await.err().unwrap_or_else(|| panic!("no {code}"));
    assert_eq!(error.code(), Some(code), "{:?}", error.message());
    error.message().unwrap_or_default().to_string()
}

pub async fn active(kinesis: &Client, name: &str) -> StreamDescriptionSummary {
    loop {
        let answer = kinesis
            .describe_stream_summary()
            .stream_name(name)
            .send()
            .await
            .unwrap();
        let summary = answer.stream_description_summary.unwrap();
        if summary.stream_status == StreamStatus::Active {
            return summary;
        }
        tokio::time::sleep(A_LITTLE).await;
    }
}

pub async fn create(kinesis: &Client, name: &str, shards: i32) -> StreamDescriptionSummary {
    kinesis
        .create_stream()
        .stream_name(name)
        .shard_count(shards)
        .send()
        .await
        .unwrap();
    active(kinesis, name).await
}

pub async fn put(kinesis: &Client, name: &str, data: impl Into<Vec<u8>>) -> String {
    let call = kinesis
        .put_record()
        .stream_name(name)
        .partition_key("k")
        .explicit_hash_key("0");
    call.data(Blob::new(data)).send().await.unwrap().sequence_number
}

pub fn entry(key: String, data: String) -> PutRecordsRequestEntry {
    PutRecordsRequestEntry::builder()
        .partition_key(key)
        .data(Blob::new(data))
        .build()
        .unwrap()
}

/// A shard to its end, or up to the latest, and its children at its end.
pub async fn read_shard(
    kinesis: &Client,
    name: &str,
    shard: &str,
    kind: ShardIteratorType,
    number: Option<String>,
) -> (Vec<Record>, Option<Vec<ChildShard>>) {
    let call = kinesis
        .get_shard_iterator()
        .stream_name(name)
        .shard_id(shard)
        .shard_iterator_type(kind);
    let mut iterator = call
        .set_starting_sequence_number(number)
        .send()
        .await
        .unwrap()
        .shard_iterator;
    let mut found = Vec::new();
    loop {
        let page = kinesis.get_records().set_shard_iterator(iterator).send().await.unwrap();
        found.extend(page.records);
        if page.next_shard_iterator.is_none() {
            return (found, page.child_shards);
        }
        assert!(page.child_shards.is_none(), "children only at the end");
        if page.millis_behind_latest == Some(0) {
            return (found, None);
        }
        iterator = page.next_shard_iterator;
    }
}

pub async fn read_all(kinesis: &Client, name: &str) -> Vec<Record> {
    read_shard(kinesis, name, FIRST_SHARD, ShardIteratorType::TrimHorizon, None)
        .await
        .0
}

pub fn texts(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .map(|each| String::from_utf8(each.data.clone().into_inner()).unwrap())
        .collect()
}

pub fn counted(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|each| each.to_string()).collect()
}

async fn life(World { kinesis, .. }: World) {
    let name = "rust-life";
    let summary = create(&kinesis, name, 3).await;
    assert_eq!(summary.open_shard_count, 3);
    let arn = summary.stream_arn;
    assert!(
        arn.starts_with("arn:aws:kinesis:us-east-1:") && arn.ends_with(":stream/rust-life"),
        "{arn}"
    );
    let described = kinesis.describe_stream().stream_name(name).send().await.unwrap();
    assert_eq!(described.stream_description.unwrap().shards.len(), 3);
    let mut listed = Vec::new();
    let mut pages = kinesis.list_streams().into_paginator().send();
    while let Some(page) = pages.next().await {
        listed.extend(page.unwrap().stream_names);
    }
    assert!(listed.iter().any(|each| each == name), "{listed:?}");
    let again = kinesis.create_stream().stream_name(name).shard_count(1).send();
    let message = refused(again, "ResourceInUseException").await;
    assert!(
        message.starts_with("Stream rust-life under account ") && message.ends_with(" already exists."),
        "{message}"
    );
    // The SDK itself lets a bad name through and leaves it to the service.
    let bad = kinesis.create_stream().stream_name("not a name").shard_count(1).send();
    let message = refused(bad, "ValidationException").await;
    let expected = "1 validation error detected: Value 'not a name' at 'streamName' failed";
    assert!(message.starts_with(expected), "{message}");
    kinesis.delete_stream().stream_name(name).send().await.unwrap();
    loop {
        match kinesis.describe_stream_summary().stream_name(name).send().await {
            Ok(_) => tokio::time::sleep(A_LITTLE).await,
            Err(error) => return assert!(error.into_service_error().is_resource_not_found_exception()),
        }
    }
}

async fn records(World { kinesis, .. }: World) {
    let name = "rust-records";
    create(&kinesis, name, 2).await;
    let binary: Vec<u8> = (0..1024).map(|each| (each * 7 % 256) as u8).collect();
    let large = binary.repeat(1024)[1..].to_vec();
    put(&kinesis, name, binary.clone()).await;
    put(&kinesis, name, large.clone()).await;
    let batch = (0..500).map(|each: usize| {
        let record = PutRecordsRequestEntry::builder()
            .partition_key(format!("k{each}"))
            .explicit_hash_key("0");
        record.data(Blob::new(each.to_string())).build().unwrap()
    });
    let batch = kinesis
        .put_records()
        .stream_name(name)
        .set_records(Some(batch.collect()))
        .send()
        .await
        .unwrap();
    assert_eq!(batch.failed_record_count, Some(0));
    let found = read_all(&kinesis, name).await;
    assert!(
        found[0].data.as_ref() == binary && found[1].data.as_ref() == large,
        "binary data"
    );
    assert_eq!(texts(&found[2..]), counted(0..500));
    let number = batch.records[100].sequence_number.clone();
    for (kind, from) in [
        (ShardIteratorType::AtSequenceNumber, 100),
        (ShardIteratorType::AfterSequenceNumber, 101),
    ] {
        let (later, _) = read_shard(&kinesis, name, FIRST_SHARD, kind, number.clone()).await;
        assert_eq!(texts(&later), counted(from..500));
    }
    let moment = found[2].approximate_arrival_timestamp.unwrap();
    let at = kinesis.get_shard_iterator().stream_name(name).shard_id(FIRST_SHARD);
    let at = at
        .shard_iterator_type(ShardIteratorType::AtTimestamp)
        .timestamp(moment)
        .send()
        .await
        .unwrap();
    let later = kinesis
        .get_records()
        .set_shard_iterator(at.shard_iterator)
        .send()
        .await
        .unwrap()
        .records;
    assert!(
        later.len() >= 500
            && later
                .iter()
                .all(|each| each.approximate_arrival_timestamp.unwrap() >= moment)
    );
    let latest = kinesis.get_shard_iterator().stream_name(name).shard_id(FIRST_SHARD);
    let latest = latest
        .shard_iterator_type(ShardIteratorType::Latest)
        .send()
        .await
        .unwrap()
        .shard_iterator;
    put(&kinesis, name, "new").await;
    let page = kinesis.get_records().set_shard_iterator(latest).send().await.unwrap();
    assert_eq!(texts(&page.records), ["new"]);
}

async fn reshard(World { kinesis, .. }: World) {
    let name = "rust-reshard";
    create(&kinesis, name, 2).await;
    let round = async |number: usize| {
        let batch = (0..50)
            .map(|key| entry(format!("key-{key}"), number.to_string()))
            .collect();
        let answer = kinesis
            .put_records()
            .stream_name(name)
            .set_records(Some(batch))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.failed_record_count, Some(0));
    };
    round(0).await;
    let split = kinesis.split_shard().stream_name(name).shard_to_split(FIRST_SHARD);
    split
        .new_starting_hash_key((1u128 << 126).to_string())
        .send()
        .await
        .unwrap();
    round(1).await;
    active(&kinesis, name).await;
    round(2).await;
    let merge = kinesis
        .merge_shards()
        .stream_name(name)
        .shard_to_merge("shardId-000000000003");
    merge
        .adjacent_shard_to_merge("shardId-000000000001")
        .send()
        .await
        .unwrap();
    round(3).await;
    active(&kinesis, name).await;
    round(4).await;
    let shards = kinesis
        .list_shards()
        .stream_name(name)
        .send()
        .await
        .unwrap()
        .shards
        .unwrap();
    assert_eq!(shards.len(), 5);
    assert_eq!(shards[4].parent_shard_id.as_deref(), Some("shardId-000000000003"));
    assert_eq!(
        shards[4].adjacent_parent_shard_id.as_deref(),
        Some("shardId-000000000001")
    );
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for shard in &shards {
        let (found, children) = read_shard(&kinesis, name, &shard.shard_id, ShardIteratorType::TrimHorizon, None).await;
        for record in &found {
            seen.entry(record.partition_key.clone().unwrap())
                .or_default()
                .extend(texts(std::slice::from_ref(record)));
        }
        let closed = shard
            .sequence_number_range
            .as_ref()
            .unwrap()
            .ending_sequence_number
            .is_some();
        assert_eq!(children.is_some(), closed, "children of {}", shard.shard_id);
        assert!(children
            .into_iter()
            .flatten()
            .all(|child| child.parent_shards.contains(&shard.shard_id)));
    }
    assert_eq!(seen.len(), 50);
    for (key, rounds) in seen {
        assert_eq!(rounds, counted(0..5), "{key}");
    }
}

async fn names(World { kinesis, called }: World) {
    let name = "rust-names";
    let arn = create(&kinesis, name, 1).await.stream_arn;
    kinesis
        .put_record()
        .stream_arn(&arn)
        .partition_key("k")
        .data(Blob::new("x"))
        .send()
        .await
        .unwrap();
    let answer = kinesis.describe_stream_summary().stream_arn(&arn).send().await.unwrap();
    assert_eq!(answer.stream_description_summary.unwrap().stream_name, name);
    let stranger = Credentials::new("111122223333", "x", None, None, "compat");
    for other in [
        client(called.clone(), |load| load.region(Region::from_static("eu-west-1"))).await,
        client(called, |load| load.credentials_provider(stranger)).await,
    ] {
        assert!(other.list_streams().send().await.unwrap().stream_names.is_empty());
        refused(
            other.describe_stream_summary().stream_name(name).send(),
            "ResourceNotFoundException",
        )
        .await;
    }
}

async fn trouble(World { kinesis, .. }: World) {
    let name = "rust-trouble";
    create(&kinesis, name, 1).await;
    for fault in ["throttle", "internal-error", "drop-answer"] {
        let rule = format!(r#"{{"fault":"{fault}","operation":"PutRecord","stream":"{name}","count":1}}"#);
        control("faults", &rule).await;
        put(&kinesis, name, fault).await;
    }
    // What was lost on its way back is put again: at least once is what AWS promises too.
    let found = texts(&read_all(&kinesis, name).await);
    assert_eq!(found, ["throttle", "internal-error", "drop-answer", "drop-answer"]);
    let rule = format!(r#"{{"fault":"fail-records","stream":"{name}","probability":0.5,"seed":1,"count":5}}"#);
    control("faults", &rule).await;
    let batch: Vec<_> = counted(0..20)
        .into_iter()
        .map(|each| entry("k".to_string(), each))
        .collect();
    let put_all = |records| {
        kinesis
            .put_records()
            .stream_name(name)
            .set_records(Some(records))
            .send()
    };
    let first = put_all(batch.clone()).await.unwrap();
    assert_eq!(first.failed_record_count, Some(5));
    let mut again = Vec::new();
    for (record, result) in batch.into_iter().zip(first.records) {
        let Some(code) = result.error_code else { continue };
        assert_eq!(code, "ProvisionedThroughputExceededException");
        again.push(record);
    }
    assert_eq!(put_all(again).await.unwrap().failed_record_count, Some(0));
    let mut numbers: Vec<usize> = texts(&read_all(&kinesis, name).await[4..])
        .iter()
        .map(|each| each.parse().unwrap())
        .collect();
    numbers.sort();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
}

async fn expiry(World { kinesis, .. }: World) {
    let name = "rust-expiry";
    create(&kinesis, name, 1).await;
    let number = put(&kinesis, name, "0").await;
    let call = kinesis.get_shard_iterator().stream_name(name).shard_id(FIRST_SHARD);
    let answer = call
        .shard_iterator_type(ShardIteratorType::TrimHorizon)
        .send()
        .await
        .unwrap();
    control("clock/advance", r#"{"ms":300001}"#).await;
    let late = kinesis.get_records().set_shard_iterator(answer.shard_iterator).send();
    let message = refused(late, "ExpiredIteratorException").await;
    assert!(
        message.starts_with("Iterator expired. The iterator was created at time "),
        "{message}"
    );
    assert!(message.ends_with(" 300000 milliseconds."), "{message}");
    put(&kinesis, name, "1").await;
    let (later, _) = read_shard(
        &kinesis,
        name,
        FIRST_SHARD,
        ShardIteratorType::AfterSequenceNumber,
        Some(number),
    )
    .await;
    assert_eq!(texts(&later), ["1"]);
}

async fn settings(World { kinesis, .. }: World) {
    let name = "rust-settings";
    let arn = create(&kinesis, name, 2).await.stream_arn;

    kinesis
        .add_tags_to_stream()
        .stream_name(name)
        .tags("team", "a")
        .tags("cost", "7")
        .send()
        .await
        .unwrap();
    kinesis
        .remove_tags_from_stream()
        .stream_name(name)
        .tag_keys("cost")
        .send()
        .await
        .unwrap();
    let tags = kinesis
        .list_tags_for_stream()
        .stream_name(name)
        .send()
        .await
        .unwrap()
        .tags;
    assert!(
        tags.len() == 1 && tags[0].key == "team" && tags[0].value.as_deref() == Some("a"),
        "{tags:?}"
    );
    kinesis
        .tag_resource()
        .resource_arn(&arn)
        .tags("stage", "test")
        .send()
        .await
        .unwrap();
    kinesis
        .untag_resource()
        .resource_arn(&arn)
        .tag_keys("team")
        .send()
        .await
        .unwrap();
    let tags = kinesis
        .list_tags_for_resource()
        .resource_arn(&arn)
        .send()
        .await
        .unwrap()
        .tags
        .unwrap();
    assert!(tags.len() == 1 && tags[0].key == "stage", "{tags:?}");

    let longer = kinesis.increase_stream_retention_period().stream_name(name);
    longer.retention_period_hours(48).send().await.unwrap();
    assert_eq!(active(&kinesis, name).await.retention_period_hours, 48);
    let shorter = kinesis.decrease_stream_retention_period().stream_name(name);
    shorter.retention_period_hours(24).send().await.unwrap();
    assert_eq!(active(&kinesis, name).await.retention_period_hours, 24);

    let more = kinesis.enable_enhanced_monitoring().stream_name(name);
    let metrics = more
        .shard_level_metrics(MetricsName::IncomingBytes)
        .send()
        .await
        .unwrap();
    assert_eq!(metrics.desired_shard_level_metrics(), [MetricsName::IncomingBytes]);
    active(&kinesis, name).await;
    let none = kinesis.disable_enhanced_monitoring().stream_name(name);
    none.shard_level_metrics(MetricsName::All).send().await.unwrap();
    active(&kinesis, name).await;

    let scale = |target| {
        let call = kinesis
            .update_shard_count()
            .stream_name(name)
            .target_shard_count(target);
        call.scaling_type(ScalingType::UniformScaling).send()
    };
    let scaled = scale(4).await.unwrap();
    assert_eq!(
        (scaled.current_shard_count, scaled.target_shard_count),
        (Some(2), Some(4))
    );
    assert_eq!(active(&kinesis, name).await.open_shard_count, 4);
    refused(scale(100), "LimitExceededException").await;

    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"111122223333"}},"Action":"kinesis:PutRecord","Resource":"{arn}"}}]}}"#
    );
    kinesis
        .put_resource_policy()
        .resource_arn(&arn)
        .policy(&policy)
        .send()
        .await
        .unwrap();
    assert_eq!(
        kinesis
            .get_resource_policy()
            .resource_arn(&arn)
            .send()
            .await
            .unwrap()
            .policy,
        policy
    );
    kinesis
        .delete_resource_policy()
        .resource_arn(&arn)
        .send()
        .await
        .unwrap();

    let key = "alias/aws/kinesis";
    let start = kinesis.start_stream_encryption().stream_name(name).key_id(key);
    start.encryption_type(EncryptionType::Kms).send().await.unwrap();
    assert_eq!(active(&kinesis, name).await.encryption_type, Some(EncryptionType::Kms));
    put(&kinesis, name, "secret").await;
    let stop = kinesis.stop_stream_encryption().stream_name(name).key_id(key);
    stop.encryption_type(EncryptionType::Kms).send().await.unwrap();
    assert_eq!(active(&kinesis, name).await.encryption_type, Some(EncryptionType::None));

    kinesis
        .update_max_record_size()
        .stream_arn(&arn)
        .max_record_size_in_kib(2048)
        .send()
        .await
        .unwrap();
    assert_eq!(active(&kinesis, name).await.max_record_size_in_kib, Some(2048));
    put(&kinesis, name, vec![0; 1536 * 1024]).await;

    let commitment = MinimumThroughputBillingCommitmentInput::builder()
        .status(MinimumThroughputBillingCommitmentInputStatus::Enabled)
        .build()
        .unwrap();
    kinesis
        .update_account_settings()
        .minimum_throughput_billing_commitment(commitment)
        .send()
        .await
        .unwrap();
    let account = kinesis.describe_account_settings().send().await.unwrap();
    let status = account.minimum_throughput_billing_commitment.unwrap().status;
    assert_eq!(status, MinimumThroughputBillingCommitmentOutputStatus::Enabled);

    let on_demand = StreamModeDetails::builder()
        .stream_mode(StreamMode::OnDemand)
        .build()
        .unwrap();
    kinesis
        .update_stream_mode()
        .stream_arn(&arn)
        .stream_mode_details(on_demand)
        .send()
        .await
        .unwrap();
    assert_eq!(
        active(&kinesis, name).await.stream_mode_details.unwrap().stream_mode,
        StreamMode::OnDemand
    );
    let warm = kinesis
        .update_stream_warm_throughput()
        .stream_arn(&arn)
        .warm_throughput_mibps(8);
    assert_eq!(
        warm.send().await.unwrap().warm_throughput.unwrap().target_mibps,
        Some(8)
    );
    active(&kinesis, name).await;
    let limits = kinesis.describe_limits().send().await.unwrap();
    assert!(limits.shard_limit > 0 && limits.on_demand_stream_count >= 1);
}

async fn fan_out(World { kinesis, .. }: World) {
    let name = "rust-fan-out";
    let arn = create(&kinesis, name, 1).await.stream_arn;
    let registered = kinesis
        .register_stream_consumer()
        .stream_arn(&arn)
        .consumer_name("reader");
    let consumer = registered.send().await.unwrap().consumer.unwrap().consumer_arn;
    let describe = || kinesis.describe_stream_consumer().consumer_arn(&consumer).send();
    while describe().await.unwrap().consumer_description.unwrap().consumer_status != ConsumerStatus::Active {
        tokio::time::sleep(A_LITTLE).await;
    }
    let listed = kinesis
        .list_stream_consumers()
        .stream_arn(&arn)
        .send()
        .await
        .unwrap()
        .consumers
        .unwrap();
    assert!(listed.len() == 1 && listed[0].consumer_name == "reader", "{listed:?}");
    for each in counted(0..10) {
        put(&kinesis, name, each).await;
    }
    let position = StartingPosition::builder()
        .r#type(ShardIteratorType::TrimHorizon)
        .build()
        .unwrap();
    let call = kinesis
        .subscribe_to_shard()
        .consumer_arn(&consumer)
        .shard_id(FIRST_SHARD);
    let mut events = call.starting_position(position).send().await.unwrap().event_stream;
    let mut found = Vec::new();
    while found.len() < 10 {
        match events.recv().await.unwrap() {
            Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)) => {
                assert!(!event.continuation_sequence_number.is_empty());
                found.extend(event.records);
            }
            other => panic!("no event: {other:?}"),
        }
    }
    drop(events);
    assert_eq!(texts(&found), counted(0..10));
    kinesis
        .deregister_stream_consumer()
        .consumer_arn(&consumer)
        .send()
        .await
        .unwrap();
    loop {
        match describe().await {
            Ok(_) => tokio::time::sleep(A_LITTLE).await,
            Err(error) => return assert!(error.into_service_error().is_resource_not_found_exception()),
        }
    }
}

async fn tls(World { called, .. }: World) {
    let name = "rust-tls";
    let endpoint = std::env::var("COMPAT_TLS_ENDPOINT").unwrap();
    let secured = client(called, |load| load.endpoint_url(endpoint)).await;
    create(&secured, name, 1).await;
    put(&secured, name, "secret").await;
    assert_eq!(texts(&read_all(&secured, name).await), ["secret"]);
}
