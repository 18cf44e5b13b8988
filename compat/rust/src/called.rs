//! Which operations were answered well: an interceptor beside the SDK's own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws_sdk_kinesis::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::error::BoxError;

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
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answered = context.response().is_some_and(|answer| answer.status().is_success());
        let target = context
            .request()
            .and_then(|request| request.headers().get("x-amz-target"));
        if let (true, Some((_, operation))) = (answered, target.and_then(|target| target.split_once('.'))) {
            self.0.lock().unwrap().insert(operation.to_string());
        }
        Ok(())
    }
}
