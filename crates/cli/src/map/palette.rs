//! Colours: of the page, and of cells by the share of their bytes that changed.
//!
//! The share is on a logarithmic scale, since one block of 16 TiB matters as much as whole gigabytes. Its colours are the
//! upper part of viridis, which gets lighter evenly and is read by people of all kinds of colour vision. Cells without a
//! change are nearly black: even the darkest of the others stands out.

/// The lowest share on the scale: 0.01 %, and all that is less.
pub(super) const LOWEST_EXPONENT: i32 = -4;
/// Levels for each power of ten.
const LEVELS_PER_DECADE: u8 = 24;
/// The highest level, at which the whole cell has changed.
pub(super) const TOP_LEVEL: u8 = LEVELS_PER_DECADE * 4;
/// The part of viridis that is left out: its darkest colours.
const DARKEST: f64 = 0.48;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Color {
    /// White, also of cells that lie beyond the end of the disk.
    Page,
    Text,
    /// Ticks and frames.
    Line,
    Unchanged,
    /// From 0 to `TOP_LEVEL`.
    Changed(u8),
}

impl Color {
    /// How many colours there are.
    pub(super) const COUNT: u8 = 4 + TOP_LEVEL + 1;

    /// The colour of a cell of which that share has changed; nothing if it lies beyond the end of the disk.
    pub(super) fn of_density(density: Option<f64>) -> Self {
        match density {
            None => Self::Page,
            Some(0.0) => Self::Unchanged,
            Some(density) => {
                let level = f64::from(LEVELS_PER_DECADE) * (density.log10() - f64::from(LOWEST_EXPONENT));
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped")]
                Self::Changed(level.round().clamp(0.0, f64::from(TOP_LEVEL)) as u8)
            }
        }
    }

    pub(super) fn rgb(self) -> [u8; 3] {
        match self {
            Self::Page => [0xff; 3],
            Self::Text => [0x20, 0x20, 0x28],
            Self::Line => [0x90, 0x90, 0x98],
            Self::Unchanged => [0x1c, 0x1c, 0x26],
            Self::Changed(level) => {
                let share = f64::from(level) / f64::from(TOP_LEVEL);
                let color = colorous::VIRIDIS.eval_continuous(DARKEST + (1.0 - DARKEST) * share);
                [color.r, color.g, color.b]
            }
        }
    }

    /// Its number in the palette of a picture.
    pub(super) const fn index(self) -> u8 {
        match self {
            Self::Page => 0,
            Self::Text => 1,
            Self::Line => 2,
            Self::Unchanged => 3,
            Self::Changed(level) => 4 + level,
        }
    }

    const fn of_index(index: u8) -> Self {
        match index {
            0 => Self::Page,
            1 => Self::Text,
            2 => Self::Line,
            3 => Self::Unchanged,
            _ => Self::Changed(index - 4),
        }
    }

    /// All colours, by their numbers.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self::of_index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As WCAG 2 defines it: from 1 for the same to 21 for black and white.
    fn contrast(a: Color, b: Color) -> f64 {
        let luminance = |color: Color| {
            let linear = color.rgb().map(|part| {
                let part = f64::from(part) / 255.0;
                if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn smallest_share_is_told_from_none() {
        assert_eq!(Color::of_density(Some(0.0)), Color::Unchanged);
        for tiny in [f64::MIN_POSITIVE, 1.0 / 1e18, 1e-4] {
            assert_eq!(Color::of_density(Some(tiny)), Color::Changed(0));
        }
        assert_eq!(Color::of_density(Some(1.0)), Color::Changed(TOP_LEVEL));
        assert_eq!(Color::of_density(None), Color::Page);
    }

    #[test]
    fn colours_get_lighter_evenly_and_stand_out() {
        let levels: Vec<Color> = (0..=TOP_LEVEL).map(Color::Changed).collect();
        assert!(levels.iter().map(|&level| contrast(level, Color::Unchanged)).is_sorted());
        // 3 is what WCAG 2 asks of parts of a picture that matter.
        assert!(contrast(Color::Changed(0), Color::Unchanged) >= 3.0);
        assert!(contrast(Color::Page, Color::Unchanged) >= 7.0);
        assert!(contrast(Color::Page, Color::Text) >= 7.0);
    }

    #[test]
    fn each_colour_has_a_number_of_its_own() {
        assert!(Color::all().map(Color::index).eq(0..Color::COUNT));
    }
}
