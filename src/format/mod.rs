//! Writers of extents and of bitmaps, over [`std::io::Write`]. One file a format.
