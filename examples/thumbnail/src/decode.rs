//! From a blob to pixels, without trusting the blob.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

use cjm_guest::{Blob, Error, Job, ResourceKind, Result};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

/// How much the decoder gets at a time: between two pieces, cancellation is looked at.
const PIECE: usize = 32 * 1024;

pub(crate) struct Original {
    /// 8 bits a channel, RGB or RGBA.
    pub(crate) pixels: DynamicImage,
    pub(crate) orientation: Orientation,
    pub(crate) format: ImageFormat,
}

pub(crate) fn decode(job: &Job, blob: &Blob, max_megapixels: u32) -> Result<Original> {
    let format = format(blob)?;
    decode_as(job, &blob.data, format, max_megapixels).map_err(|error| match error {
        // The decoder wraps what the reader said; ask again rather than unwrap it.
        _ if job.is_cancelled() => Error::Cancelled,
        Failure::TooLarge(width, height) => Error::invalid(format!(
            "the image has {width} × {height} pixels, more than {max_megapixels} million: raise max_megapixels"
        )),
        Failure::Image(ImageError::Limits(error)) => {
            Error::exhausted(ResourceKind::SystemMemory, error.to_string())
        }
        Failure::Image(error) => Error::invalid(format!("the image is broken: {error}")),
    })
}

enum Failure {
    TooLarge(u32, u32),
    Image(ImageError),
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

fn decode_as(job: &Job, data: &[u8], format: ImageFormat, max_megapixels: u32) -> Result<Original, Failure> {
    let max_pixels = u64::from(max_megapixels) * 1_000_000;
    let mut limits = Limits::no_limits();
    // 16 bits in each of four channels, and as much again for the decoder's own needs.
    limits.max_alloc = Some(max_pixels * 16 + (16 << 20));
    let mut reader = ImageReader::with_format(Watched { data: Cursor::new(data), job }, format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    // A few bytes can claim to be a huge image: believe no size before it is bounded.
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(Failure::TooLarge(width, height));
    }
    let orientation = decoder.orientation()?;
    let pixels = DynamicImage::from_decoder(decoder)?;
    let pixels = match pixels {
        DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) => pixels,
        other if other.color().has_alpha() => DynamicImage::ImageRgba8(other.into_rgba8()),
        other => DynamicImage::ImageRgb8(other.into_rgb8()),
    };
    Ok(Original { pixels, orientation, format })
}

/// The format, where the media type and the bytes agree on it.
fn format(blob: &Blob) -> Result<ImageFormat> {
    let said = match blob.essence().as_str() {
        "image/png" => ImageFormat::Png,
        "image/jpeg" | "image/jpg" => ImageFormat::Jpeg,
        "image/webp" => ImageFormat::WebP,
        other => {
            return Err(Error::invalid(format!(
                "expected image/png, image/jpeg or image/webp, got {}",
                if other.is_empty() { "no media type" } else { other }
            )));
        }
    };
    match image::guess_format(&blob.data) {
        Ok(found) if found == said => Ok(said),
        _ => Err(Error::invalid(format!("the data is not {}", blob.media_type))),
    }
}

/// Reads in pieces, and fails once the job is cancelled: decoders have no other place to stop at.
struct Watched<'a> {
    data: Cursor<&'a [u8]>,
    job: &'a Job,
}

impl Watched<'_> {
    fn check(&self) -> io::Result<()> {
        if self.job.is_cancelled() { Err(io::Error::other("cancelled")) } else { Ok(()) }
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        let piece = into.len().min(PIECE);
        self.data.read(into.split_at_mut(piece).0)
    }
}

impl BufRead for Watched<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        let rest = self.data.fill_buf()?;
        Ok(rest.get(..PIECE).unwrap_or(rest))
    }

    fn consume(&mut self, amount: usize) {
        self.data.consume(amount);
    }
}

impl Seek for Watched<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.data.seek(position)
    }
}
