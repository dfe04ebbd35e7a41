//! The untyped end of a stream of results.

use std::cell::RefCell;
use std::rc::Rc;

use crate::error::Result;
use crate::value::Value;

/// Takes the results of a streaming call.
#[derive(Debug)]
pub struct Channel {
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "only tests collect values"))]
    Collect(Rc<RefCell<Vec<Value>>>),
    #[cfg(target_arch = "wasm32")]
    Stream(crate::wasm::stream::Writer),
}

impl Channel {
    /// A channel whose values are kept.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn collecting() -> (Self, Rc<RefCell<Vec<Value>>>) {
        let values = Rc::default();
        (Self { sink: Sink::Collect(Rc::clone(&values)) }, values)
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn over(writer: crate::wasm::stream::Writer) -> Self {
        Self { sink: Sink::Stream(writer) }
    }

    /// Gives one value; waits while nobody reads.
    pub(crate) async fn send(&mut self, value: Value) -> Result<()> {
        match &mut self.sink {
            Sink::Collect(values) => {
                values.borrow_mut().push(value);
                Ok(())
            }
            #[cfg(target_arch = "wasm32")]
            Sink::Stream(writer) => writer.send(value).await,
        }
    }
}
