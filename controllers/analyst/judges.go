package analyst

import (
	"math"
	"time"

	"crossfade.io/crossfade/analysis"
)

// judge makes the metric's judge, in its scope.
func (m *metric) judge(s *scope, count int) error {
	weight := 1.0
	if m.Importance != nil {
		weight = float64(*m.Importance)
	}
	m.track, m.begun, m.edge = newTrack(count, m.pooled()), true, func() float64 { return 0 }
	switch m.kind() {
	case kindLatency:
		asked := m.latencyAsked()
		m.fails, m.passes = -math.Log(asked.Alpha), -math.Log(asked.AlphaPass)
		latency := analysis.NewLatency(asked, m.before)
		m.edge = latency.Edge
		judged := analysis.Ask(s.judgement, m.name, weight, latency)
		optional(m, judged)
		m.latencies, m.finding, m.excuse, m.keep = judged.Add, judged.Finding, judged.Optional, judged.Keep
	case kindObjective:
		asked := analysis.DefaultObjective(number(&m.Objective.Objective, 1))
		asked.Burn, asked.Budget, asked.Phi = number(m.Objective.Burn, asked.Burn), number(m.Objective.Budget, 0), m.phi
		m.fails, m.passes = -math.Log(asked.Alpha), -math.Log(asked.AlphaPass)
		judged := analysis.Ask(s.judgement, m.name, weight, analysis.NewSLO(asked))
		optional(m, judged)
		m.intervals, m.finding, m.excuse, m.keep = judged.Add, judged.Finding, judged.Optional, judged.Keep
	case kindSplit:
		asked := analysis.DefaultSplit()
		asked.Phi = m.phi
		m.fails = -math.Log(asked.Alpha)
		judged := analysis.Ask(s.judgement, m.name, weight, analysis.NewSplit(asked))
		optional(m, judged)
		m.intervals, m.finding, m.excuse, m.keep = judged.Add, judged.Finding, judged.Optional, judged.Keep
	case kindThreshold:
		return m.judgeThreshold(s, weight)
	case kindGoal:
		m.judgeGoal()
	default:
		asked := m.compareAsked()
		m.fails, m.passes = -math.Log(asked.Alpha), -math.Log(asked.AlphaPass)
		judged := analysis.Ask(s.judgement, m.name, weight, analysis.NewCompare(asked))
		optional(m, judged)
		m.intervals, m.finding, m.excuse, m.keep = judged.Add, judged.Finding, judged.Optional, judged.Keep
	}
	return nil
}

// pooled is how values of its points become one.
func (m *metric) pooled() pooling {
	switch {
	case m.Split != nil:
		return ofAll
	case m.Goal != nil:
		return soFar
	default:
		return ofArms
	}
}

func optional[T analysis.Observation](m *metric, judged *analysis.Metric[T]) {
	if m.NoData == noDataIgnore {
		judged.Optional(true)
	}
}

func (m *metric) compareAsked() analysis.Comparison {
	asked := analysis.DefaultComparison()
	asked.Phi, asked.Floor = m.phi, number(m.Compare.Floor, asked.Floor)
	asked.Margin = number(m.Compare.Margin, asked.Margin)
	if m.Compare.Limit != nil {
		asked.Limit, asked.LimitAtHalf = number(m.Compare.Limit, asked.Limit), 0
	}
	return asked
}

func (m *metric) latencyAsked() analysis.LatencyComparison {
	asked := analysis.DefaultLatency()
	asked.Phi, asked.Quantile = m.phi, number(m.Latency.Quantile, asked.Quantile)
	asked.Margin, asked.Limit = number(m.Latency.Margin, asked.Margin), number(m.Latency.Limit, asked.Limit)
	return asked
}

func (m *metric) judgeThreshold(s *scope, weight float64) error {
	t := m.Threshold
	compiled, err := compiled(*t, m.job())
	if err != nil {
		m.begun = false
		return err
	}
	limits := analysis.Limits{
		Count: int(t.Count), FailureLimit: int(t.FailureLimit), ConsecutiveFailures: int(t.ConsecutiveFailures),
		ConsecutiveSuccesses: int(t.ConsecutiveSuccesses), InconclusiveLimit: int(t.InconclusiveLimit), ErrorLimit: int(t.ErrorLimit),
	}
	if t.InitialDelay != nil {
		limits.InitialDelay = t.InitialDelay.Duration.Duration
	}
	if t.Interval != nil {
		limits.Interval = t.Interval.Duration.Duration
	}
	if limits.Interval <= 0 {
		limits.Count = 1 // there is no second one
	}
	if m.NoData == noDataFail {
		limits.NoData = analysis.OutcomeFailure
	}
	m.conditions, m.threshold = compiled, analysis.NewThreshold(limits)
	judged := analysis.Ask(s.judgement, m.name, weight, m.threshold)
	optional(m, judged)
	m.measure, m.finding = judged.Add, judged.Finding
	return nil
}

// query is what a threshold asks; empty of a Job.
func (m *metric) query() string {
	if m.Threshold.Query == nil {
		return ""
	}
	return string(*m.Threshold.Query)
}

// quantile is the one that a Latency is about.
func (m *metric) quantile() float64 {
	return number(m.Latency.Quantile, analysis.DefaultLatency().Quantile)
}

func (m *metric) unit() time.Duration {
	if m.Latency.Unit == "Milliseconds" {
		return time.Millisecond
	}
	return time.Second
}
