//! Telemetry of the program, at a collector on loopback.
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    thread,
};

use opentelemetry_proto::tonic::collector::{
    metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use prost::Message;

use crate::support::{Place, Seen};

const SECRET: &str = "2048*3";

/// What a collector was told of one run of the program.
struct Collected {
    seen: Seen,
    traces: ExportTraceServiceRequest,
    metrics: ExportMetricsServiceRequest,
}

impl Collected {
    fn spans(&self) -> Vec<&str> {
        let resources = self.traces.resource_spans.iter();
        let scopes = resources.flat_map(|it| &it.scope_spans);
        scopes.flat_map(|it| &it.spans).map(|it| it.name.as_str()).collect()
    }

    fn metrics(&self) -> Vec<&str> {
        let resources = self.metrics.resource_metrics.iter();
        let scopes = resources.flat_map(|it| &it.scope_metrics);
        let mut names: Vec<_> =
            scopes.flat_map(|it| &it.metrics).map(|it| it.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// All that was sent, as text to be searched.
    fn whole(&self) -> String {
        format!("{:?}{:?}", self.traces, self.metrics)
    }
}

/// Runs the program with a collector, in a place that is set up by `set`.
fn collected(set: impl FnOnce(Place) -> Place) -> Collected {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    // Spans come first, metrics at the end.
    let taking = thread::spawn(move || [take(&listener), take(&listener)]);
    let place = set(Place::new().set("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint));
    let seen = place.run(&["-m", "offline", &format!("what is {SECRET}?")]);
    let [(first, spans), (second, numbers)] = taking.join().unwrap();
    assert_eq!((first.as_str(), second.as_str()), ("/v1/traces", "/v1/metrics"));
    let traces = ExportTraceServiceRequest::decode(&*spans).unwrap();
    let metrics = ExportMetricsServiceRequest::decode(&*numbers).unwrap();
    Collected { seen, traces, metrics }
}

/// One request's path and body.
fn take(listener: &TcpListener) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(&stream);
    let mut lines = Vec::new();
    while lines.last().is_none_or(|it: &String| !it.trim().is_empty()) {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        lines.push(line);
    }
    let path = lines[0].split(' ').nth(1).unwrap().to_owned();
    let length = lines.iter().find_map(|it| it.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.trim().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    (path, body)
}

#[test]
fn the_run_is_exported_where_the_environment_names_a_collector() {
    let collected = collected(|place| place);
    assert_eq!(collected.seen.code, Some(0));
    assert!(collected.seen.out.contains("6144"), "{:?}", collected.seen);
    assert!(!collected.seen.err.contains("warning"), "{}", collected.seen.err);
    let (chat, tool) = ("chat rules", "execute_tool calculator");
    assert_eq!(collected.spans(), [chat, tool, chat, "invoke_agent"]);
    assert_eq!(
        collected.metrics(),
        [
            "gen_ai.client.operation.duration",
            "gen_ai.client.operation.time_to_first_chunk",
            "gen_ai.client.token.usage",
            "gen_ai.execute_tool.duration",
            "gen_ai.invoke_agent.duration",
        ]
    );
    let whole = collected.whole();
    assert!(whole.contains(r#"key: "service.name""#) && whole.contains(r#"StringValue("siumai")"#));
    assert!(!whole.contains(SECRET), "{whole}");
}

#[test]
fn what_was_said_and_newer_names_come_when_they_are_asked_for() {
    let collected = collected(|place| {
        place
            .set("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
            .set("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental")
            .set("OTEL_SERVICE_NAME", "sums")
    });
    assert_eq!(collected.seen.code, Some(0));
    let whole = collected.whole();
    assert!(whole.contains(SECRET) && whole.contains(r#"StringValue("sums")"#), "{whole}");
    let metrics = collected.metrics();
    assert!(metrics.contains(&"gen_ai.client.inference.duration"), "{metrics:?}");
}

#[test]
fn a_collector_that_is_gone_is_warned_of_and_the_run_succeeds() {
    let place = Place::new().set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let seen = place.run(&["-m", "offline", "what is 6*7?"]);
    assert_eq!(seen.code, Some(0));
    assert!(seen.out.contains("42"), "{seen:?}");
    let last = seen.err.lines().last().unwrap();
    let told =
        "warning: telemetry could not be exported to http://127.0.0.1:9, and some of it is lost: ";
    assert!(last.starts_with(told), "{last}");

    let quiet = place.run(&["-m", "offline", "-q", "what is 6*7?"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""));
}

#[test]
fn an_endpoint_that_is_no_url_is_warned_of_and_the_run_succeeds() {
    let place = Place::new().set("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url");
    let seen = place.run(&["-m", "offline", "what is 6*7?"]);
    assert_eq!(seen.code, Some(0));
    let told = "warning: telemetry can't be exported to not a url: ";
    assert!(seen.err.starts_with(told), "{}", seen.err);
}
