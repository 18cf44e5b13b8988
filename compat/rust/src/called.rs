//! Which operations were answered well: an interceptor beside the SDK's own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws_sdk_kinesis::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;

#[derive(Clone, Debug, Default)]
pub struct Called(Arc<Mutex<BTreeSet<String>>>);

impl Called {
    pub fn operations(&self) -> BTreeSet<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Intercept for Called {
    fn name(&self) -> &'static str {
        "Called"
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answered = context.response().is_some_and(|answer| answer.status().is_success());
        // The request is gone by now.
        if let (true, Some(operation)) = (answered, config.load::<Metadata>()) {
            self.0.lock().unwrap().insert(operation.name().to_string());
        }
        Ok(())
    }
}
