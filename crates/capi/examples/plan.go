// Takes the answer of VDI.list_changed_blocks from standard input, and prints what a backup has to read.
//
//	PKG_CONFIG_PATH=/usr/local/lib/pkgconfig go build plan.go
//	./plan 107374182400 < answer
//
// The argument is the virtual size of the disk in bytes. The exit code is that of the command cbt: 0 done, 1 try again or tell
// a person, 2 wrong usage, 3 take a full backup, 4 busy. A call from Go into C takes some 50 ns, so ranges are fetched in
// batches: one call for each of them would take longer than the scan.
package main

/*
#cgo pkg-config: changed_blocks
#include <changed_blocks.h>
*/
import "C"

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"unsafe"
)

// How many ranges are fetched at a time. Fewer than 256 are slow.
const batch = 4096

// Range is a range of bytes of the disk.
type Range struct{ Offset, Length uint64 }

// Error is an error of the library.
type Error struct {
	Kind, Consequence, Message, Hint string
}

func (e *Error) Error() string { return e.Message }

func newError(code C.cbt_code, e *C.cbt_error) error {
	return &Error{
		Kind:        C.GoString(C.cbt_code_name(C.uint32_t(code))),
		Consequence: C.GoString(C.cbt_consequence_name(e.consequence)),
		Message:     C.GoString(&e.message[0]),
		Hint:        C.GoString(&e.hint[0]),
	}
}

// ChangedRanges reads an answer to its end. There is never a part of the ranges without an error.
func ChangedRanges(answer io.Reader, virtualSize uint64) ([]Range, error) {
	var options C.cbt_options
	options.size = C.size_t(unsafe.Sizeof(options))
	options.virtual_size = C.uint64_t(virtualSize)
	var push *C.cbt_push
	var e C.cbt_error
	if code := C.cbt_push_new(&options, &push, &e); code != C.CBT_OK {
		return nil, newError(code, &e)
	}
	defer C.cbt_push_free(push)

	var ranges []Range
	piece := make([]byte, 256<<10)
	for {
		n, err := answer.Read(piece)
		if n > 0 {
			if code := C.cbt_push_write(push, unsafe.Pointer(&piece[0]), C.size_t(n), &e); code != C.CBT_OK {
				return nil, newError(code, &e)
			}
			if code := take(push, &ranges, &e); code != C.CBT_UNFINISHED {
				return nil, newError(code, &e)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if code := C.cbt_push_finish(push, &e); code != C.CBT_OK {
		return nil, newError(code, &e)
	}
	if code := take(push, &ranges, &e); code != C.CBT_OK {
		return nil, newError(code, &e)
	}
	return ranges, nil
}

// take fetches the ranges that are there.
func take(push *C.cbt_push, ranges *[]Range, e *C.cbt_error) C.cbt_code {
	var buffer [batch]C.cbt_range
	for {
		var count C.size_t
		code := C.cbt_push_read(push, &buffer[0], batch, &count, e)
		for _, r := range buffer[:count] {
			*ranges = append(*ranges, Range{uint64(r.offset), uint64(r.length)})
		}
		if count == 0 {
			return code
		}
	}
}

func exitCode(consequence string) int {
	switch consequence {
	case "full-backup":
		return 3
	case "busy":
		return 4
	case "wrong-usage":
		return 2
	}
	return 1
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: plan VIRTUAL-SIZE < answer")
		os.Exit(2)
	}
	virtualSize, err := strconv.ParseUint(os.Args[1], 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, "plan:", err)
		os.Exit(2)
	}
	ranges, err := ChangedRanges(os.Stdin, virtualSize)
	var failure *Error
	switch {
	case errors.As(err, &failure):
		fmt.Fprintf(os.Stderr, "plan: %s (%s)\nnext step: %s\n", failure.Message, failure.Kind, failure.Consequence)
		if failure.Hint != "" {
			fmt.Fprintln(os.Stderr, "hint:", failure.Hint)
		}
		os.Exit(exitCode(failure.Consequence))
	case err != nil:
		fmt.Fprintln(os.Stderr, "plan:", err)
		os.Exit(1)
	}
	out := bufio.NewWriter(os.Stdout)
	for _, r := range ranges {
		fmt.Fprintln(out, r.Offset, r.Length)
	}
	// It repeats the first error. A list that was not written to its end would lack changes.
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "plan:", err)
		os.Exit(1)
	}
}
