//! The hooks, and the ways in which they can go wrong: the configuration chooses.

use std::time::Duration;

use crate::cjm::plugin::types::Error;
use crate::cjm::plugin::{cancellation, job};
use crate::exports::cjm::plugin::config_options::{self, Choice};
use crate::exports::cjm::plugin::lifecycle;
use crate::{CONFIG, Misbehave, invalid, ways};

/// Whether the configuration says this.
fn told(way: &str) -> bool {
    CONFIG.with_borrow(|config| config.contains(way))
}

impl lifecycle::Guest for Misbehave {
    async fn prefetch() -> Result<(), Error> {
        println!("hook prefetch");
        if told("prefetch-waits") {
            cancellation::requested().await;
            println!("told to stop");
            return Err(Error::Cancelled);
        }
        if told("prefetch-loops") {
            ways::spin();
        }
        if told("prefetch-repeats") {
            while !job::is_cancelled() {
                job::report_progress(Some(0.5), "still at it");
                std::thread::sleep(Duration::from_millis(5));
            }
            return Err(Error::Cancelled);
        }
        if told("prefetch-progresses") {
            for step in 0..100_u32 {
                job::report_progress(Some(f64::from(step) / 100.0), "fetching");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    }

    async fn release(resource: String) -> Result<(), Error> {
        println!("hook release {resource}");
        if told("release-fails") {
            return Err(Error::Fatal("it cannot be given back".into()));
        }
        if told("release-traps") {
            std::arch::wasm32::unreachable();
        }
        Ok(())
    }

    async fn reconfigure(old: String, new: String) -> Result<(), Error> {
        if new.contains("trap-in-hook") {
            std::arch::wasm32::unreachable();
        }
        println!("hook reconfigure {old} {new}");
        CONFIG.set(new);
        Ok(())
    }

    async fn enabled() {
        println!("hook enabled");
    }

    async fn disabled() {
        println!("hook disabled");
    }

    async fn shutdown() {
        println!("hook shutdown");
    }
}

impl config_options::Guest for Misbehave {
    async fn options(field: String) -> Result<Vec<Choice>, Error> {
        let choice = |value: &str, label: &str| Choice { value: value.into(), label: label.into() };
        if told("options-loop") {
            ways::spin();
        }
        if told("options-trap") {
            std::arch::wasm32::unreachable();
        }
        if told("options-fail") {
            return Err(invalid("there are none"));
        }
        if told("options-are-no-json") {
            return Ok(vec![choice("{", "open")]);
        }
        if told("options-many") {
            return Ok(vec![choice("1", &"x".repeat(2 << 10)); 2_000]);
        }
        if told("options-flood") {
            return Ok(vec![choice("1", &"x".repeat(4 << 10)); 20_000]);
        }
        Ok(vec![choice(&format!("\"{field}\""), "the field itself")])
    }
}
