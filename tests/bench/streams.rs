//! Results as they come: small ones by the item, large ones by the byte.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use cjm_host::{Host, Plugin};
use cjm_tests::guest;
use criterion::{Criterion, Throughput};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use wasmtime::component::{FutureConsumer, Source, StreamConsumer, StreamResult};
use wasmtime::{AsContextMut, StoreContextMut};

use crate::bare::{Bare, Error, ExecuteStream, Instance, State, Value};
use crate::pair::Pair;
use crate::table::Table;

const ITEMS: u64 = 10_000;
const BLOBS: u64 = 64;
const BLOB_BYTES: u64 = 64 << 10;

pub(crate) fn run(runtime: &Runtime, criterion: &mut Criterion, table: &mut Table) {
    let cases = [
        ("stream of 10,000 items of 100 B", "stream-small", Throughput::Elements(ITEMS)),
        ("stream of 64 items of 64 KiB", "stream-blobs", Throughput::Bytes(BLOBS * BLOB_BYTES)),
    ];
    for (what, action, throughput) in cases {
        let bare = Bare::new();
        let mut instance = runtime.block_on(bare.instantiate(&bare.link(&bare.compile(&guest("misbehave")))));
        let host = Host::builder().build().unwrap();
        let plugin = runtime.block_on(host.load(guest("misbehave"))).unwrap();
        Pair { what, aim: "", throughput: Some(throughput) }.measure(
            criterion,
            table,
            |iterations| {
                runtime.block_on(async {
                    let began = Instant::now();
                    for _ in 0..iterations {
                        drain_bare(&mut instance, action).await;
                    }
                    began.elapsed()
                })
            },
            |iterations| {
                runtime.block_on(async {
                    let began = Instant::now();
                    for _ in 0..iterations {
                        drain(&plugin, action).await;
                    }
                    began.elapsed()
                })
            },
        );
    }
}

async fn drain(plugin: &Plugin, action: &str) {
    let mut stream = plugin.call(action, serde_json::json!(ITEMS)).stream();
    while let Some(item) = stream.next().await {
        item.unwrap();
    }
}

struct Sink {
    items: Vec<Value>,
    _ended: oneshot::Sender<()>,
}

impl StreamConsumer<State> for Sink {
    type Item = Value;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'_, State>,
        mut source: Source<'_, Value>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let remaining = source.remaining(store.as_context_mut());
        self.items.clear();
        self.items.reserve(remaining);
        source.read(store, &mut self.items)?;
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

struct Verdict;

impl FutureConsumer<State> for Verdict {
    type Item = Result<(), Error>;

    fn poll_consume(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, State>,
        mut source: Source<'_, Self::Item>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut outcome = None;
        source.read(store, &mut outcome)?;
        Poll::Ready(Ok(()))
    }
}

async fn drain_bare(instance: &mut Instance, action: &str) {
    let store = &mut instance.store;
    let streaming =
        instance.instance.get_export_index(&mut *store, None, "cjm:plugin/streaming@0.1.0").unwrap();
    let execute =
        instance.instance.get_export_index(&mut *store, Some(&streaming), "execute-stream").unwrap();
    let execute: ExecuteStream = instance.instance.get_typed_func(&mut *store, execute).unwrap();
    let (action, input) = (action.to_owned(), Value::Json(ITEMS.to_string()));
    store
        .run_concurrent(async |accessor| {
            let (ends,) = execute.call_concurrent(accessor, (action, input)).await.unwrap();
            let (stream, verdict) = ends.unwrap();
            let (ended, stream_ended) = oneshot::channel();
            accessor.with(|mut store| {
                stream.pipe(&mut store, Sink { items: Vec::new(), _ended: ended }).unwrap();
                verdict.pipe(&mut store, Verdict).unwrap();
            });
            let _ = stream_ended.await;
        })
        .await
        .unwrap();
}
