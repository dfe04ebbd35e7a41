//! Thumbnails: an image in, a smaller one out.

use cjm_guest::{Blob, Job, Plugin, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod decode;
mod encode;
mod resize;

/// How thumbnails are made.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The longer edge of the thumbnail, in pixels. Images that are smaller keep their size.
    #[schemars(range(min = 1, max = 4096))]
    pub longest_edge: u32,
    /// The format of the thumbnail.
    pub format: Format,
    /// The quality of JPEG, from 1 to 100. The other formats lose nothing.
    #[schemars(range(min = 1, max = 100))]
    pub quality: u8,
    /// The largest image that is taken, in millions of pixels. A million takes 3 to 8 MB while it is worked on.
    #[schemars(range(min = 1, max = 200))]
    pub max_megapixels: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { longest_edge: 256, format: Format::Same, quality: 80, max_megapixels: 40 }
    }
}

/// A format to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// PNG.
    Png,
    /// JPEG. What is transparent becomes white.
    Jpeg,
    /// WebP without loss.
    Webp,
    /// That of the image itself.
    Same,
}

/// The plugin.
#[derive(Debug)]
pub struct Thumbnail {
    config: Config,
}

impl Plugin for Thumbnail {
    type Config = Config;
    const CATEGORY: Option<&'static str> = Some("thumbnail");
    const DOMAIN: Option<&'static str> = Some("image");

    fn new(config: Config) -> Result<Self> {
        Ok(Self { config })
    }
}

#[cjm_guest::actions]
impl Thumbnail {
    /// Makes a thumbnail of a PNG, JPEG or WebP image. Turns it upright as its metadata say, and leaves the metadata out.
    pub fn thumbnail(&self, job: &Job, image: Blob) -> Result<Blob> {
        let config = &self.config;
        job.progress(0.0, "decoding");
        let original = decode::decode(job, &image, config.max_megapixels)?;
        drop(image);
        let size = resize::fit(original.pixels.width(), original.pixels.height(), config.longest_edge);
        let small = resize::resize(job, original.pixels, size)?;
        job.check_cancelled()?;
        job.progress(0.9, "encoding");
        let thumbnail = encode::encode(small, original.orientation, original.format, config)?;
        job.progress(1.0, "done");
        Ok(thumbnail)
    }
}
