package load

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
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

// ReadRaw reads a raw log, which may still be growing: a last line that is not complete yet is left out.
// A request is in the log at most 0.2 s after it ended. Records come in the order in which they ended.
func ReadRaw(path string) (Records, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read raw log: %w", err)
	}
	reader := csv.NewReader(bytes.NewReader(text[:bytes.LastIndexByte(text, '\n')+1]))
	reader.FieldsPerRecord = len(rawColumns)
	columns, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil || !slices.Equal(columns, rawColumns) {
		return nil, fmt.Errorf("read raw log %s: its first line is not %q: give a file that --raw wrote", path, rawColumns)
	}
	reader.ReuseRecord = true
	names := map[string]string{} // one copy of each text, however many records hold it
	intern := func(text string) string {
		if _, found := names[text]; !found {
			copied := string([]byte(text))
			names[copied] = copied
		}
		return names[text]
	}
	var records Records
	for {
		line, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read raw log %s: %w", path, err)
		}
		record, err := parseRaw(line, intern)
		if err != nil {
			row, _ := reader.FieldPos(0)
			return nil, fmt.Errorf("read raw log %s: line %d: %w", path, row, err)
		}
		records = append(records, record)
	}
}

func parseRaw(line []string, intern func(string) string) (Record, error) {
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
		Target:    intern(line[3]),
		Version:   intern(line[4]),
		Status:    status,
		Fault:     Fault(intern(line[6])),
		Post:      line[7] == "POST",
	}, nil
}
