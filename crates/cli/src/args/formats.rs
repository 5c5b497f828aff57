//! The names of formats: the encodings of bitmaps, the library's table of lists, and `human`.

use changed_blocks::format::{FORMATS, ListFormat, ReadOption};
use changed_blocks::{BitOrder, Encoding};
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// How an input is written down.
#[derive(Clone, Copy, Debug)]
pub(crate) enum InputFormat {
    Bitmap(Encoding),
    /// A qcow2 image, in which there is a dirty bitmap.
    Image,
    List(&'static ListFormat),
}

/// How extents are written down.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OutputFormat {
    Bitmap(Encoding),
    /// A qcow2 image without data, in which there is a dirty bitmap.
    Image,
    List(&'static ListFormat),
    /// Columns and a summary, for people.
    Human,
}

const IMAGE: &str = "qcow2";
const HUMAN: &str = "human";

impl InputFormat {
    fn all() -> impl Iterator<Item = Self> {
        let readable = FORMATS.iter().copied().filter(|format| format.is_readable());
        Encoding::ALL.iter().copied().map(Self::Bitmap).chain([Self::Image]).chain(readable.map(Self::List))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Bitmap(encoding) => encoding.name(),
            Self::Image => IMAGE,
            Self::List(format) => format.name,
        }
    }

    pub(crate) fn is_list(self) -> bool {
        matches!(self, Self::List(_))
    }

    pub(crate) fn is_cbtlog(self) -> bool {
        matches!(self, Self::Bitmap(Encoding::CbtLog))
    }

    pub(crate) fn has(self, option: ReadOption) -> bool {
        match self {
            Self::Bitmap(_) => false,
            Self::Image => option == ReadOption::Context,
            Self::List(format) => format.options.contains(&option),
        }
    }

    /// The names of the formats that an option is for.
    pub(crate) fn names_with(option: ReadOption) -> String {
        let names: Vec<&str> = Self::all().filter(|format| format.has(option)).map(Self::name).collect();
        names.join(", ")
    }
}

impl OutputFormat {
    fn all() -> impl Iterator<Item = Self> {
        let writable = FORMATS.iter().copied().filter(|format| format.writer().is_some());
        let bitmaps = writable_encodings().map(Self::Bitmap).chain([Self::Image]);
        [Self::Human].into_iter().chain(writable.map(Self::List)).chain(bitmaps)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bitmap(encoding) => encoding.name(),
            Self::Image => IMAGE,
            Self::List(format) => format.name,
            Self::Human => HUMAN,
        }
    }

    /// Whether the output is one JSON object, which has a place for more than the list.
    pub(crate) fn is_json_object(self) -> bool {
        self.name() == "json"
    }

    /// Whether standard error is JSON, too.
    pub(crate) fn is_json(self) -> bool {
        matches!(self.name(), "json" | "ndjson")
    }

    /// Whether it is more than text.
    pub(crate) fn is_binary(self) -> bool {
        matches!(self, Self::Bitmap(Encoding::Raw(_)) | Self::Image) || self.name() == "pairs"
    }

    /// Whether it says of every byte of the disk whether it changed, or is for a program that takes it so: all but `human` and
    /// our own lists, whose reader is the one who asked for a part.
    pub(crate) fn is_of_whole_disk(self) -> bool {
        !matches!(self.name(), "human" | "text" | "json" | "ndjson" | "csv" | "pairs")
    }
}

/// Takes the names of all formats that are read.
pub(super) fn input_format() -> impl TypedValueParser<Value = InputFormat> {
    parser(InputFormat::all, InputFormat::name)
}

/// Takes the names of all formats that are written.
pub(super) fn output_format() -> impl TypedValueParser<Value = OutputFormat> {
    parser(OutputFormat::all, OutputFormat::name)
}

/// Takes the names of the encodings in which a bitmap is written.
pub(super) fn writable_encoding() -> impl TypedValueParser<Value = Encoding> {
    parser(writable_encodings, Encoding::name)
}

/// All but a `.cbtlog`, which has more in it than a bitmap.
fn writable_encodings() -> impl Iterator<Item = Encoding> {
    Encoding::ALL.iter().copied().filter(|&encoding| encoding != Encoding::CbtLog)
}

fn parser<T: Copy + Send + Sync + 'static, I: Iterator<Item = T> + 'static>(
    all: fn() -> I,
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let named = move |given: String| all().find(|&format| name(format) == given).expect("one of the possible values");
    PossibleValuesParser::new(all().map(name)).map(named)
}

/// All formats, a line each: the name, whether it is read and written, and a few words on it.
pub(super) fn list_of_formats() -> String {
    let bitmaps = Encoding::ALL.iter().map(|&encoding| {
        let is_written = writable_encodings().any(|writable| writable == encoding);
        (encoding.name(), true, is_written, encoding_summary(encoding))
    });
    let others = [
        (IMAGE, true, true, "A qcow2 image, of which only the dirty bitmap is used"),
        (HUMAN, false, true, "Columns and a summary, for people"),
    ];
    let lists = FORMATS.iter().map(|list| (list.name, list.is_readable(), list.writer().is_some(), list.summary));
    let mut text = "Formats, r: read by --from, w: written by --output (see docs/formats.md)\n".to_owned();
    for (name, is_read, is_written, summary) in bitmaps.chain(others).chain(lists) {
        let [read, written] = [if is_read { "r" } else { "-" }, if is_written { "w" } else { "-" }];
        text += &format!("  {name:<15} {read}{written}  {summary}\n");
    }
    text
}

const fn encoding_summary(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Base64 => "The call's answer: base64, most significant bit first",
        Encoding::Raw(BitOrder::Msb0) => "The bytes of a bitmap, most significant bit first",
        Encoding::Raw(BitOrder::Lsb0) => "The bytes of a bitmap, least significant bit first",
        Encoding::CbtLog => "A .cbtlog file",
        Encoding::Bits => "One 0 or 1 for each block",
        _ => "",
    }
}
