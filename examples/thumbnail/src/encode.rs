//! From pixels to a blob.

use cjm_guest::{Blob, Error, Result, ResultExt};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::{Config, Format};

pub(crate) fn encode(
    mut image: DynamicImage,
    orientation: Orientation,
    original: ImageFormat,
    config: &Config,
) -> Result<Blob> {
    image.apply_orientation(orientation);
    let format = match config.format {
        Format::Png => ImageFormat::Png,
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Webp => ImageFormat::WebP,
        Format::Same => original,
    };
    let mut data = Vec::new();
    match format {
        ImageFormat::Jpeg => {
            on_white(image).write_with_encoder(JpegEncoder::new_with_quality(&mut data, config.quality))
        }
        ImageFormat::Png => image.write_with_encoder(PngEncoder::new(&mut data)),
        ImageFormat::WebP => image.write_with_encoder(WebPEncoder::new_lossless(&mut data)),
        other => return Err(Error::fatal(format!("no encoder for {other:?}"))),
    }
    .fatal()?;
    Ok(Blob::new(format.to_mime_type(), data))
}

/// JPEG knows no transparency.
fn on_white(image: DynamicImage) -> RgbImage {
    let DynamicImage::ImageRgba8(image) = image else {
        return image.into_rgb8();
    };
    let mut flat = RgbImage::new(image.width(), image.height());
    for (pixel, flat) in image.pixels().zip(flat.pixels_mut()) {
        let [red, green, blue, alpha] = pixel.0;
        let mix = |colour: u8| {
            let sum = u16::from(colour) * u16::from(alpha) + 255 * (255 - u16::from(alpha));
            ((sum + 127) / 255) as u8
        };
        *flat = Rgb([mix(red), mix(green), mix(blue)]);
    }
    flat
}
