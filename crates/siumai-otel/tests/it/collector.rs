//! Export over OTLP to a collector on loopback: one that listens, one that is gone, one that hangs.
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    resource::v1::Resource,
};
use prost::Message;
use siumai_otel::{ExportError, Exporting, Otlp};
use tracing_subscriber::layer::SubscriberExt;

use crate::fixtures::{SURFACES, model, options, resolver};

/// Runs once while telemetry is exported, and gives the export back to be ended.
async fn run_exported(otlp: Otlp) -> Exporting {
    let (layer, exporting) = otlp.layer().unwrap();
    let _listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let output = SURFACES[1].run(&model(), &resolver(), options(false)).await.unwrap();
    assert_eq!(output.steps.len(), 2);
    exporting
}

#[tokio::test(start_paused = true)]
async fn spans_and_metrics_arrive_at_a_collector() {
    let (address, requests) = collector(2);
    let otlp = Otlp::new()
        .endpoint(format!("http://{address}/"))
        .header("x-key", "k-123")
        .service_name("forecasts");
    run_exported(otlp).await.finish().unwrap();

    let requests = requests.join().unwrap();
    let of = |path: &str| requests.iter().find(|it| it.path == path).unwrap();
    for request in &requests {
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        assert_eq!(request.headers["x-key"], "k-123");
    }

    let traces = ExportTraceServiceRequest::decode(&*of("/v1/traces").body).unwrap();
    let [traces] = &traces.resource_spans[..] else { panic!("{traces:?}") };
    assert_eq!(service_name(traces.resource.as_ref()), Some("forecasts"));
    let spans: Vec<_> = traces.scope_spans.iter().flat_map(|it| &it.spans).collect();
    let named: Vec<_> = spans.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        named,
        ["chat weather-1", "execute_tool get_weather", "chat weather-1", "invoke_agent forecaster"]
    );
    assert!(spans.iter().all(|it| it.trace_id == spans[3].trace_id));
    assert!(spans[..3].iter().all(|it| it.parent_span_id == spans[3].span_id));

    let metrics = ExportMetricsServiceRequest::decode(&*of("/v1/metrics").body).unwrap();
    let [metrics] = &metrics.resource_metrics[..] else { panic!("{metrics:?}") };
    assert_eq!(service_name(metrics.resource.as_ref()), Some("forecasts"));
    let scopes = metrics.scope_metrics.iter();
    let mut named: Vec<_> = scopes.flat_map(|it| &it.metrics).map(|it| it.name.as_str()).collect();
    named.sort_unstable();
    insta::assert_json_snapshot!(named);
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_is_gone_is_told_of_at_the_end() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{address}");
    let lost = run_exported(Otlp::new().endpoint(&endpoint)).await.finish().unwrap_err();
    assert!(matches!(&lost, ExportError::Lost { .. }), "{lost:?}");
    let told = format!("telemetry could not be exported to {endpoint}, and some of it is lost: ");
    assert!(lost.to_string().starts_with(&told), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_hangs_is_not_waited_for_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let otlp = Otlp::new().endpoint(endpoint).patience(Duration::from_millis(50));
    let lost = run_exported(otlp).await.finish().unwrap_err();
    assert!(matches!(&lost, ExportError::Lost { .. }), "{lost:?}");
}

#[test]
fn an_endpoint_that_is_no_url_is_refused() {
    let refused = Otlp::new().endpoint("not a url").install().unwrap_err();
    assert!(matches!(&refused, ExportError::Configuration { .. }), "{refused:?}");
    let told = refused.to_string();
    assert!(told.starts_with("telemetry can't be exported to not a url: "), "{told}");
}

#[test]
fn keys_are_not_shown() {
    let otlp = Otlp::new().endpoint("http://localhost:4318").header("authorization", "k-123");
    assert_eq!(
        format!("{otlp:?}"),
        "Otlp { endpoint: Some(\"http://localhost:4318\"), headers: [\"authorization\"], \
         service_name: None, conventions: V1_41, patience: None }"
    );
}

fn service_name(resource: Option<&Resource>) -> Option<&str> {
    resource?.attributes.iter().find(|it| it.key == "service.name").and_then(text)
}

fn text(attribute: &KeyValue) -> Option<&str> {
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// What a collector was sent.
#[derive(Debug)]
struct Request {
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// Takes this many requests, on a thread of its own.
fn collector(requests: usize) -> (SocketAddr, thread::JoinHandle<Vec<Request>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let taking = move || (0..requests).map(|_| take(&listener.accept().unwrap().0)).collect();
    (address, thread::spawn(taking))
}

fn take(mut stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    Request { path, headers, body }
}
