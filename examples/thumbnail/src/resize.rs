//! Making it smaller, a band of rows at a time, so that a large image can be given up in the middle.

use cjm_guest::{Error, Job, Result, ResultExt};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{MulDiv, PixelType, ResizeOptions, Resizer};
use image::{DynamicImage, RgbImage, RgbaImage};

/// How many rows of the original make a band: a few milliseconds of work for a large image.
const BAND_ROWS: u32 = 64;

/// The size of the thumbnail: the longer edge is at most `longest`, the proportions are kept, nothing is enlarged.
pub(crate) fn fit(width: u32, height: u32, longest: u32) -> (u32, u32) {
    let edge = width.max(height);
    if edge <= longest {
        return (width, height);
    }
    let scale = f64::from(longest) / f64::from(edge);
    let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    (scaled(width), scaled(height))
}

pub(crate) fn resize(job: &Job, original: DynamicImage, (width, height): (u32, u32)) -> Result<DynamicImage> {
    if (original.width(), original.height()) == (width, height) {
        return Ok(original);
    }
    match original {
        DynamicImage::ImageRgba8(image) => {
            let data = bands(job, image.dimensions(), image.into_raw(), (width, height), PixelType::U8x4)?;
            RgbaImage::from_raw(width, height, data).map(DynamicImage::ImageRgba8)
        }
        image => {
            let image = image.into_rgb8();
            let data = bands(job, image.dimensions(), image.into_raw(), (width, height), PixelType::U8x3)?;
            RgbImage::from_raw(width, height, data).map(DynamicImage::ImageRgb8)
        }
    }
    .ok_or_else(|| Error::fatal("the thumbnail has another size than was asked for"))
}

fn bands(
    job: &Job,
    (from_width, from_height): (u32, u32),
    mut from: Vec<u8>,
    (to_width, to_height): (u32, u32),
    pixel: PixelType,
) -> Result<Vec<u8>> {
    let transparent = pixel == PixelType::U8x4;
    let alpha = MulDiv::new();
    if transparent {
        // What is transparent must not lend its colour to its neighbours.
        let row = from_width as usize * pixel.size();
        for rows in from.chunks_mut(row * BAND_ROWS as usize) {
            job.check_cancelled()?;
            let height = (rows.len() / row) as u32;
            let mut band = Image::from_slice_u8(from_width, height, rows, pixel).fatal()?;
            alpha.multiply_alpha_inplace(&mut band).fatal()?;
        }
    }
    let from = ImageRef::new(from_width, from_height, &from, pixel).fatal()?;
    let scale = f64::from(from_height) / f64::from(to_height);
    let step = ((f64::from(BAND_ROWS) / scale) as u32).max(1);
    let mut to = Vec::with_capacity(to_width as usize * to_height as usize * pixel.size());
    let mut resizer = Resizer::new();
    let mut top = 0;
    while top < to_height {
        job.check_cancelled()?;
        let rows = step.min(to_height - top);
        let mut band = Image::new(to_width, rows, pixel);
        let options = ResizeOptions::new().use_alpha(false).crop(
            0.0,
            f64::from(top) * scale,
            f64::from(from_width),
            // Rounding must not reach over the lower edge.
            (f64::from(rows) * scale).min(f64::from(from_height) - f64::from(top) * scale),
        );
        resizer.resize(&from, &mut band, &options).fatal()?;
        if transparent {
            alpha.divide_alpha_inplace(&mut band).fatal()?;
        }
        to.extend_from_slice(band.buffer());
        top += rows;
        job.progress(0.5 + 0.4 * f64::from(top) / f64::from(to_height), "resizing");
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::{fit, resize};
    use cjm_guest::{Error, Job};
    use image::{DynamicImage, Rgb, RgbImage, Rgba, RgbaImage};

    #[test]
    fn fits_the_longer_edge_and_enlarges_nothing() {
        assert_eq!(fit(400, 200, 100), (100, 50));
        assert_eq!(fit(200, 400, 100), (50, 100));
        assert_eq!(fit(50, 20, 100), (50, 20));
        assert_eq!(fit(4000, 1, 100), (100, 1));
    }

    #[test]
    fn bands_leave_no_seams() {
        let image = RgbImage::from_fn(300, 1000, |_, y| Rgb([(y / 4) as u8; 3]));
        let small = resize(&Job::for_test(), DynamicImage::ImageRgb8(image), (30, 100)).unwrap().into_rgb8();
        for (y, row) in small.rows().enumerate() {
            let expected = (y * 10 + 5) as i32 / 4;
            for pixel in row {
                assert!((i32::from(pixel.0[0]) - expected).abs() <= 2, "row {y}: {pixel:?}, not {expected}");
            }
        }
    }

    #[test]
    fn transparent_pixels_lend_no_colour() {
        let image = RgbaImage::from_fn(100, 100, |x, _| {
            if x % 2 == 0 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) }
        });
        let small = resize(&Job::for_test(), DynamicImage::ImageRgba8(image), (10, 10)).unwrap().into_rgba8();
        assert!(small.pixels().all(|pixel| pixel.0[0] > 250 && pixel.0[1] < 5 && pixel.0[3] > 100));
    }

    #[test]
    fn stops_between_two_bands() {
        let job = Job::for_test();
        job.cancel_after(3);
        let image = DynamicImage::ImageRgb8(RgbImage::new(100, 1000));
        assert_eq!(resize(&job, image, (10, 100)).unwrap_err(), Error::Cancelled);
        let (reached, _) = job.progress_reports().last().cloned().unwrap();
        assert!(reached.unwrap() < 0.7, "{reached:?}");
    }
}
