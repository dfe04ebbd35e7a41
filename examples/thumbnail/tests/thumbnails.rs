//! The plugin from blob to blob. The images are made here: none is worth keeping.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Cursor;

use cjm_guest::testing::{Harness, TestJob};
use cjm_guest::{Blob, Error, Job, Plugin, Result, Value};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use thumbnail::{Config, Format, Thumbnail};

fn picture(width: u32, height: u32, format: ImageFormat) -> Blob {
    let image = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, (x ^ y) as u8]));
    blob(&DynamicImage::ImageRgb8(image), format)
}

fn blob(image: &DynamicImage, format: ImageFormat) -> Blob {
    let mut data = Cursor::new(Vec::new());
    image.write_to(&mut data, format).unwrap();
    Blob::new(format.to_mime_type(), data.into_inner())
}

fn make(config: Config, image: Blob) -> Result<Blob> {
    run(&Job::for_test(), config, image)
}

fn run(job: &TestJob, config: Config, image: Blob) -> Result<Blob> {
    Thumbnail::new(config)?.thumbnail(job, image)
}

fn opened(blob: &Blob) -> (ImageFormat, DynamicImage) {
    let format = image::guess_format(&blob.data).unwrap();
    (format, image::load_from_memory_with_format(&blob.data, format).unwrap())
}

#[test]
fn every_format_goes_in_and_out() {
    let formats = [
        (ImageFormat::Png, Format::Png),
        (ImageFormat::Jpeg, Format::Jpeg),
        (ImageFormat::WebP, Format::Webp),
    ];
    for (from, _) in formats {
        for (to, wanted) in formats {
            let config = Config { longest_edge: 40, format: wanted, ..Config::default() };
            let thumbnail = make(config, picture(100, 50, from)).unwrap();
            assert_eq!(thumbnail.media_type, to.to_mime_type());
            let (format, image) = opened(&thumbnail);
            assert_eq!((format, image.width(), image.height()), (to, 40, 20), "{from:?} to {to:?}");
        }
        let same = make(Config::default(), picture(100, 50, from)).unwrap();
        assert_eq!(opened(&same).0, from);
    }
}

#[test]
fn transparency_stays_in_png_and_turns_white_in_jpeg() {
    let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(64, 64, Rgba([9, 9, 9, 0])));
    let config = |format| Config { longest_edge: 16, format, ..Config::default() };
    let png = make(config(Format::Png), blob(&clear, ImageFormat::Png)).unwrap();
    assert!(opened(&png).1.into_rgba8().pixels().all(|pixel| pixel.0[3] == 0));
    let jpeg = make(config(Format::Jpeg), blob(&clear, ImageFormat::Png)).unwrap();
    assert!(opened(&jpeg).1.into_rgb8().pixels().all(|pixel| pixel.0[0] > 250));
}

#[test]
fn what_is_no_image_is_invalid() {
    let png = picture(20, 20, ImageFormat::Png);
    let cut = Blob::new("image/png", &png.data[..png.data.len() / 2]);
    let cases = [
        Blob::new("text/plain", b"hello".as_slice()),
        Blob::new("image/gif", b"GIF89a".as_slice()),
        Blob::new("image/png", b"hello".as_slice()),
        Blob::new("image/jpeg", png.data),
        cut,
        Blob::new("image/png", Vec::new()),
    ];
    for case in cases {
        let name = case.media_type.clone();
        let error = make(Config::default(), case).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{name}: {error:?}");
    }
}

#[test]
fn a_small_file_that_claims_to_be_huge_is_refused_at_once() {
    let mut png = picture(8, 8, ImageFormat::Png);
    // Width and height are the first fields of the first chunk, whose checksum follows its 13 bytes.
    png.data[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let checksum = crc(&png.data[12..29]);
    png.data[29..33].copy_from_slice(&checksum.to_be_bytes());
    let error = make(Config::default(), png).unwrap_err();
    assert!(error.to_string().contains("65536 × 65536"), "{error}");
}

fn crc(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

#[test]
fn can_be_cancelled_while_it_decodes() {
    let noise = RgbImage::from_fn(600, 600, |x, y| {
        let mixed =
            (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)).wrapping_mul(3_266_489_917);
        Rgb([(mixed >> 8) as u8, (mixed >> 16) as u8, (mixed >> 24) as u8])
    });
    let image = blob(&DynamicImage::ImageRgb8(noise), ImageFormat::Png);
    let job = Job::for_test();
    job.cancel_after(10);
    assert_eq!(run(&job, Config::default(), image), Err(Error::Cancelled));
    assert_eq!(job.progress_reports(), [(Some(0.0), "decoding".to_owned())]);
}

#[test]
fn reports_progress_to_the_end() {
    let job = Job::for_test();
    run(&job, Config::default(), picture(600, 400, ImageFormat::Jpeg)).unwrap();
    let fractions: Vec<_> =
        job.progress_reports().into_iter().map(|(fraction, _)| fraction.unwrap()).collect();
    assert!(fractions.is_sorted());
    assert_eq!(fractions.last(), Some(&1.0));
}

#[test]
fn the_host_sees_defaults_and_no_schema_for_blobs() {
    let description = Harness::<Thumbnail>::description();
    assert!(description.config_schema.contains(r#""default":256"#), "{}", description.config_schema);
    assert_eq!(description.actions[0].input_schema, None);
    assert_eq!(description.actions[0].output_schema, None);
    let harness = Harness::<Thumbnail>::new("{}").unwrap();
    let refused = harness.call("thumbnail", Value::Json("{}".to_owned())).unwrap_err();
    assert!(refused.to_string().contains("takes a blob"));
}
