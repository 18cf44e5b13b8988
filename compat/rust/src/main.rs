//! The AWS SDK for Rust, as its users have it: `millrace-compat <scenario>...`
//!
//! Each line of output is the result of one scenario, in JSON. Nothing is set in the client: endpoint, region and
//! credentials come from the environment, as they would in anybody's program. A scenario fails by a panic.

mod called;
mod control;
mod extremes;
mod scenarios;

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use called::Called;

static FAILURE: Mutex<String> = Mutex::new(String::new());

fn main() {
    panic::set_hook(Box::new(|failure| *FAILURE.lock().unwrap() = failure.to_string()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for name in std::env::args().skip(1) {
        let called = Called::default();
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(scenarios::run(&name, called.clone()))
        }));
        let operations: Vec<String> = called.operations().iter().map(|each| format!("{each:?}")).collect();
        match outcome {
            Ok(()) => println!(
                r#"{{"scenario":{name:?},"passed":true,"operations":[{}]}}"#,
                operations.join(",")
            ),
            Err(_) => println!(
                r#"{{"scenario":{name:?},"passed":false,"error":{},"operations":[]}}"#,
                json_string(&FAILURE.lock().unwrap())
            ),
        }
    }
}

fn json_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for each in text.chars() {
        match each {
            '"' | '\\' => quoted.extend(['\\', each]),
            each if each < ' ' => quoted.push_str(&format!("\\u{:04x}", each as u32)),
            each => quoted.push(each),
        }
    }
    quoted + "\""
}
