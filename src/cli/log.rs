//! Logs and traces: what the long-running commands say of themselves.

use std::io::IsTerminal;
use std::time::Duration;

use clap::{Args, ValueEnum};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::Failure;
use crate::backend::http::tls;
use crate::store::in_one_line;

/// How long a collector of traces may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a command that runs for long tells what it does.
#[derive(Args, Clone, Debug)]
pub struct LogFlags {
    /// How logs are written, on standard error; `MUSTER_LOG` says how much, such as info or muster=debug
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Json, help_heading = "Output")]
    pub log_format: Format,
    /// Where traces are sent by OpenTelemetry's protocol over HTTP, such as `http://collector:4318/v1/traces`; left out: nowhere
    #[arg(long, value_name = "URL", help_heading = "Output")]
    pub otlp_endpoint: Option<String>,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one object a line.
    Json,
}

/// Keeps traces going; dropping it sends what is left.
#[derive(Debug, Default)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.provider {
            // There is nowhere left to say that this failed.
            let _ = provider.shutdown();
        }
    }
}

/// Starts logs, and traces where they are asked for. A command that ends soon says nothing unless `MUSTER_LOG` asks for it.
///
/// # Errors
///
/// When the address for traces cannot be used.
pub fn start(flags: Option<&LogFlags>) -> Result<Telemetry, Failure> {
    let quiet = if flags.is_some() { "info,kube=warn,hyper=warn,tower=warn,rustls=warn,opentelemetry=warn" } else { "off" };
    let filter = || EnvFilter::try_from_env("MUSTER_LOG").unwrap_or_else(|_| EnvFilter::new(quiet));
    let format = flags.map_or(Format::Text, |flags| flags.log_format);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        Format::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_filter(filter()).boxed(),
        Format::Json => lines.json().flatten_event(true).with_filter(filter()).boxed(),
    };
    let provider = flags.and_then(|flags| flags.otlp_endpoint.as_deref()).map(traces).transpose()?;
    let spans = provider.as_ref().map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("muster"));
        layer.with_filter(EnvFilter::new("off,muster=info"))
    });
    tracing_subscriber::registry().with(lines).with(spans).init();
    Ok(Telemetry { provider })
}

fn traces(endpoint: &str) -> Result<SdkTracerProvider, Failure> {
    let client = tracing_client().map_err(|error| Failure::Usage(format!("cannot send traces to {endpoint}: {error}")))?;
    let exporter =
        opentelemetry_otlp::SpanExporter::builder().with_http().with_http_client(client).with_endpoint(endpoint).build();
    let exporter = exporter.map_err(|error| Failure::Usage(format!("cannot send traces to {endpoint}: {error}")))?;
    let resource = Resource::builder().with_service_name("muster").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// What sends traces. It blocks, and must not be made on a thread of the runtime.
fn tracing_client() -> Result<reqwest::blocking::Client, String> {
    let tls = tls().map_err(|error| error.to_string())?;
    let made =
        std::thread::spawn(|| reqwest::blocking::Client::builder().tls_backend_preconfigured(tls).timeout(PATIENCE).build());
    let made = made.join().map_err(|_| "the client cannot be started".to_owned())?;
    made.map_err(|error| in_one_line(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_collector_is_named_on_a_thread_that_must_not_block() {
        let provider = traces("http://127.0.0.1:9/v1/traces").unwrap();
        drop(Telemetry { provider: Some(provider) });
        assert!(traces("not an address").is_err());
    }
}
