package load

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rawColumns head the raw log. Times are Unix nanoseconds, lengths of time microseconds.
var rawColumns = []string{"scheduled_ns", "lag_us", "latency_us", "target", "version", "status", "fault", "method"}

func rawLine(r Record) []string {
	return []string{
		strconv.FormatInt(r.Scheduled.UnixNano(), 10),
		strconv.FormatInt(r.Lag.Microseconds(), 10),
		strconv.FormatInt(r.Latency.Microseconds(), 10),
		r.Target, r.Version, strconv.Itoa(r.Status), string(r.Fault), r.Method(),
	}
}

// RawLog is a raw log, which may be read while it grows. It is for one goroutine.
type RawLog struct {
	path string
	// read is how many bytes of it are known, and rows how many of its lines.
	read int64
	rows int
	// texts has one copy of each, however many records hold it.
	texts   map[string]string
	records Records
}

// OpenRawLog has the log that a run writes to this file.
func OpenRawLog(path string) *RawLog { return &RawLog{path: path, texts: map[string]string{}} }

// Read gives all records so far, in the order in which they ended. A last line that is not complete yet is left out.
// A request is in the log at most 0.2 s after it ended. Only what is new is read from the file.
func (l *RawLog) Read() (Records, error) {
	file, err := os.Open(l.path)
	if err != nil {
		return nil, fmt.Errorf("read raw log: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.NewSectionReader(file, l.read, math.MaxInt64-l.read))
	if err != nil {
		return nil, fmt.Errorf("read raw log: %w", err)
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	reader := csv.NewReader(bytes.NewReader(text))
	reader.FieldsPerRecord, reader.ReuseRecord = len(rawColumns), true
	var added Records
	for row := l.rows; ; row++ {
		line, err := reader.Read()
		if errors.Is(err, io.EOF) {
			l.read, l.rows, l.records = l.read+int64(len(text)), row, append(l.records, added...)
			return slices.Clip(l.records), nil
		}
		if row == 0 && (err != nil || !slices.Equal(line, rawColumns)) {
			return nil, fmt.Errorf("read raw log %s: its first line is not %q: give a file that --raw wrote", l.path, rawColumns)
		}
		if row == 0 {
			continue
		}
		record := Record{}
		if err == nil {
			record, err = l.parse(line)
		}
		if err != nil {
			return nil, fmt.Errorf("read raw log %s: line %d: %w", l.path, row+1, err)
		}
		added = append(added, record)
	}
}

// intern gives one copy of a text, whatever line it stands in.
func (l *RawLog) intern(text string) string {
	if _, found := l.texts[text]; !found {
		copied := strings.Clone(text)
		l.texts[copied] = copied
	}
	return l.texts[text]
}

func (l *RawLog) parse(line []string) (Record, error) {
	scheduled, err1 := strconv.ParseInt(line[0], 10, 64)
	lag, err2 := strconv.ParseInt(line[1], 10, 64)
	latency, err3 := strconv.ParseInt(line[2], 10, 64)
	status, err4 := strconv.Atoi(line[5])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return Record{}, err
	}
	return Record{
		Scheduled: time.Unix(0, scheduled),
		Lag:       time.Duration(lag) * time.Microsecond,
		Latency:   time.Duration(latency) * time.Microsecond,
		Target:    l.intern(line[3]),
		Version:   l.intern(line[4]),
		Status:    status,
		Fault:     Fault(l.intern(line[6])),
		Post:      line[7] == "POST",
	}, nil
}
