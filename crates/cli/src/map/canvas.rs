//! A picture as PNG. It has a palette, and a byte for each pixel.

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::iso_8859_1::{FONT_7X14, FONT_7X14_BOLD, FONT_9X18_BOLD};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::PixelColor;
use embedded_graphics::prelude::Drawable;
use embedded_graphics::text::Text;
use png::{BitDepth, ColorType, Encoder, EncodingError, Filter};

use super::image::Image;
use super::palette::Color;
use super::picture::{Font, Picture, Shape};

impl PixelColor for Color {
    type Raw = ();
}

impl Font {
    const fn glyphs(self) -> &'static MonoFont<'static> {
        match self {
            Self::Title => &FONT_9X18_BOLD,
            Self::Bold => &FONT_7X14_BOLD,
            Self::Plain => &FONT_7X14,
        }
    }
}

impl Picture {
    /// The picture as PNG. Characters that the font lacks are drawn as question marks.
    pub(crate) fn png(&self) -> Result<Vec<u8>, EncodingError> {
        let mut canvas = Canvas::new(self.width, self.height);
        self.shapes.iter().for_each(|shape| canvas.draw(shape));
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(BitDepth::Eight);
        // Filters are for pixels of which the numbers mean something.
        encoder.set_filter(Filter::NoFilter);
        encoder.set_palette(Color::all().flat_map(Color::rgb).collect::<Vec<u8>>());
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&canvas.pixels)?;
        writer.finish()?;
        Ok(file)
    }
}

struct Canvas {
    width: u32,
    height: u32,
    /// The number of the colour of each, row by row.
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: u32, height: u32) -> Self {
        Self { width, height, pixels: vec![Color::Page.index(); width as usize * height as usize] }
    }

    fn draw(&mut self, shape: &Shape) {
        match shape {
            &Shape::Rectangle { x, y, width, height, color } => self.fill(x, y, width, height, color),
            &Shape::Cells { x, y, scale, ref image } => self.cells(x, y, scale, image),
            Shape::Text { x, y, font, text } => {
                let style = MonoTextStyle::new(font.glyphs(), Color::Text);
                let place = Point::zero() + Size::new(*x, *y);
                let Ok(_) = Text::new(text, place, style).draw(self);
            }
        }
    }

    fn cells(&mut self, x: u32, y: u32, scale: u32, image: &Image) {
        for (row, colors) in (0..).zip(image.rows()) {
            for (column, &color) in (0..).zip(colors) {
                self.fill(x + column * scale, y + row * scale, scale, scale, color);
            }
        }
    }

    fn fill(&mut self, x: u32, y: u32, width: u32, height: u32, color: Color) {
        for row in y..y + height {
            let start = row as usize * self.width as usize + x as usize;
            self.pixels[start..start + width as usize].fill(color.index());
        }
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}

/// For text.
impl DrawTarget for Canvas {
    type Color = Color;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Color>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(place, color) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(place.x), u32::try_from(place.y))
                && x < self.width
                && y < self.height
            {
                self.fill(x, y, 1, 1, color);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::MapLayout;
    use crate::map::Series;

    /// The pixels of a PNG as red, green and blue.
    fn decode(file: &[u8]) -> (u32, Vec<[u8; 3]>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
        let info = reader.next_frame(&mut pixels).expect("whole");
        (info.width, pixels.chunks(3).map(|rgb| [rgb[0], rgb[1], rgb[2]]).collect())
    }

    #[test]
    fn pixels_are_those_of_the_shapes() {
        for (layout, count) in [(MapLayout::Hilbert, 1), (MapLayout::Rows, 1), (MapLayout::Hilbert, 3)] {
            let picture = Picture::new(Series::example(1 << 44, count), layout);
            let (width, pixels) = decode(&picture.png().expect("encoded"));
            assert_eq!((width, pixels.len()), (picture.width, (picture.width * picture.height) as usize));
            let pixel = |x: u32, y: u32| pixels[(y * width + x) as usize];
            let cells = picture.shapes.iter().filter_map(|shape| match shape {
                Shape::Cells { x, y, scale, image } => Some((*x, *y, *scale, image)),
                _ => None,
            });
            for (x, y, scale, image) in cells {
                for (row, colors) in (0..).zip(image.rows()) {
                    for (column, color) in (0..).zip(colors) {
                        let corner = (x + column * scale, y + row * scale);
                        assert_eq!(pixel(corner.0, corner.1), color.rgb());
                        assert_eq!(pixel(corner.0 + scale - 1, corner.1 + scale - 1), color.rgb());
                    }
                }
                // One block of 16 TiB, in the first cell.
                assert_eq!(pixel(x, y), Color::Changed(0).rgb());
                assert_eq!(pixel(x + scale, y), Color::Unchanged.rgb());
            }
            let dark = pixels.iter().filter(|&&rgb| rgb == Color::Text.rgb()).count();
            assert!(dark > 500, "there is text: {dark} pixels");
        }
    }
}
