//! `cbt map`: pictures of where a disk changed. Nothing is written before all inputs were judged.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

use changed_blocks::VirtualSize;

use crate::args::MapArgs;
use crate::failure::Failure;
use crate::map::{Cells, ColorDepth, Panel, Picture, Series, characters};
use crate::output::progress::Progress;
use crate::output::target::Target;
use crate::range_input::RangeInput;
use crate::range_run::{judge, start};
use crate::sanitize::sanitize;

/// More panels are no picture that anybody looks at.
const MAX_INPUTS: usize = 100;
/// The columns of a line where there is no terminal.
const COLUMNS: usize = 80;

pub(crate) fn map(args: &MapArgs) -> Result<(), Failure> {
    let kind = PictureKind::of(args.output_file.as_deref())?;
    if args.inputs.inputs.len() > MAX_INPUTS {
        let message = format!("{} inputs are too many for one picture", args.inputs.inputs.len());
        return Err(Failure::Usage { message, hint: "draw at most 100, or what cbt union makes of them" });
    }
    let mut inputs = RangeInput::open_all(&args.inputs.each()?)?;
    let mut target = Target::open(args.output_file.as_deref())?;
    let series = count(&mut inputs, args.title.as_deref().map(sanitize))?;
    let written = match kind {
        PictureKind::Png => Picture::new(series, args.layout).png().map_err(io::Error::other),
        PictureKind::Svg => Ok(Picture::new(series, args.layout).svg().into_bytes()),
        PictureKind::Characters => {
            let columns = target.terminal_width();
            let depth = columns.map_or(ColorDepth::Ascii, |_| ColorDepth::of_terminal(|name| std::env::var(name).ok()));
            Ok(characters(series, args.layout, depth, columns.unwrap_or(COLUMNS)).into_bytes())
        }
    };
    written.and_then(|bytes| target.write_all(&bytes)).map_err(|error| target.failure(error))?;
    target.commit()?;
    inputs.into_iter().for_each(|input| input.input.drain());
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PictureKind {
    Png,
    Svg,
    Characters,
}

impl PictureKind {
    fn of(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else { return Ok(Self::Characters) };
        let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "png" => Ok(Self::Png),
            "svg" => Ok(Self::Svg),
            "txt" => Ok(Self::Characters),
            _ => {
                let message = format!("the name of {} does not say what to draw", path.display());
                Err(Failure::Usage { message, hint: "let it end in .png, .svg or .txt" })
            }
        }
    }
}

/// Counts the changed bytes of all inputs, and judges these.
fn count(inputs: &mut [RangeInput], title: Option<String>) -> Result<Series, Failure> {
    let mut progress = Progress::new(inputs.iter().map(|input| input.input.len()).sum());
    let names: Vec<String> = inputs.iter().map(|input| sanitize(&input.input.name)).collect();
    let (sources, geometry) = start(inputs);
    let (mut counted, mut bytes_read) = (Vec::new(), 0);
    for source in &sources {
        let (mut source, mut cells) = (source.borrow_mut(), Cells::new(geometry.block_size));
        loop {
            let batch = source.next_batch();
            if batch.is_empty() {
                break;
            }
            batch.iter().for_each(|&range| cells.add(range));
            progress.update(bytes_read + source.bytes_read());
        }
        bytes_read += source.bytes_read();
        counted.push(cells);
    }
    progress.stop();
    let ends: Vec<Option<u64>> = sources
        .iter()
        .map(|source| source.borrow())
        .map(|source| source.virtual_size().or(geometry.virtual_size).map(VirtualSize::bytes).or(source.known_end()))
        .collect();
    let errors = sources.into_iter().map(|source| source.into_inner().error).collect();
    judge(inputs, errors)?;
    let Some(ends) = ends.into_iter().collect::<Option<Vec<u64>>>() else {
        let message = "a picture needs the size of the disk, which this list does not say".to_owned();
        return Err(Failure::Usage { message, hint: "give --virtual-size" });
    };
    let disk_size = ends.iter().copied().max().unwrap_or(1);
    let panel = |((name, cells), disk_end)| Panel { name, cells, disk_end };
    let panels = names.into_iter().zip(counted).zip(ends).map(panel).collect();
    Ok(Series { title, block_size: geometry.block_size, disk_size, panels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_the_output_says_what_is_drawn() {
        let kind = |name: &str| PictureKind::of(Some(Path::new(name))).ok();
        assert_eq!(kind("a/map.png"), Some(PictureKind::Png));
        assert_eq!(kind("map.SVG"), Some(PictureKind::Svg));
        assert_eq!(kind("map.png.txt"), Some(PictureKind::Characters));
        assert_eq!(kind("-"), Some(PictureKind::Characters));
        for name in ["map", "map.jpg", "png", "a.png/map", "/dev/stdout"] {
            assert_eq!(kind(name), None, "{name}");
        }
        assert_eq!(PictureKind::of(None).ok(), Some(PictureKind::Characters));
    }
}
