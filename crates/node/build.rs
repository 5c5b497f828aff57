//! The linker's options for a module that Node.js loads, and never unloads: threads of it may be at work.

fn main() {
    napi_build::setup();
}
