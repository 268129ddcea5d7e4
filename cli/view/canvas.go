package view

import (
	"math"
	"strings"
)

// canvas is a plot in the making: lines of dots, of which each cell has two by four, over a ground of whole cells.
type canvas struct {
	columns, rows int
	dots          [][]rune
	tones         [][]tone
	ground        [][]rune
}

// blank is the character of no dots.
const blank = 0x2800

// bits are the dots of a cell, from the top, left and right.
var bits = [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

func newCanvas(columns, rows int) *canvas {
	c := &canvas{columns: columns, rows: rows}
	for range rows {
		c.dots = append(c.dots, make([]rune, columns))
		c.tones = append(c.tones, make([]tone, columns))
		c.ground = append(c.ground, []rune(strings.Repeat(" ", columns)))
	}
	return c
}

// row is that whose middle is nearest to a height from 0, the middle of the lowest row, to 1, that of the highest.
func (c *canvas) row(y float64) int {
	return min(max(int(math.Round((1-y)*float64(c.rows-1))), 0), c.rows-1)
}

func (c *canvas) column(x float64) int {
	return min(max(int(x*float64(c.columns)), 0), c.columns-1)
}

// fill is the ground of a column between two heights.
func (c *canvas) fill(column int, low, high float64, with rune) {
	for row := c.row(high); row <= c.row(low); row++ {
		c.ground[row][column] = with
	}
}

// lay is the ground of a cell, if there is none yet.
func (c *canvas) lay(column, row int, with rune) {
	if c.ground[row][column] == ' ' {
		c.ground[row][column] = with
	}
}

// dot sets one dot, at places from 0 to 1.
func (c *canvas) dot(x, y float64, t tone) {
	const middle = 1.5 // of the four dots of a cell
	i := min(max(int(x*float64(2*c.columns)), 0), 2*c.columns-1)
	j := min(max(int(math.Round((1-y)*float64(4*(c.rows-1))+middle)), 0), 4*c.rows-1)
	c.dots[j/4][i/2] |= bits[j%4][i%2]
	c.tones[j/4][i/2] = t
}

// line draws between two places; of each so many columns of dots it draws one.
func (c *canvas) line(x0, y0, x1, y1 float64, t tone, every int) {
	const dense = 2
	steps := max(int(dense*math.Max(math.Abs(x1-x0)*float64(2*c.columns), math.Abs(y1-y0)*float64(4*c.rows))), 1)
	for i := range steps + 1 {
		share := float64(i) / float64(steps)
		x := x0 + share*(x1-x0)
		if int(x*float64(2*c.columns))%every == 0 {
			c.dot(x, y0+share*(y1-y0), t)
		}
	}
}

// lines are the rows from the top.
func (c *canvas) lines(p paint) []string {
	all := make([]string, c.rows)
	for row := range all {
		var b, run strings.Builder
		of := quiet
		for column := range c.columns {
			cell, t := string(c.ground[row][column]), quiet
			if dots := c.dots[row][column]; dots != 0 {
				cell, t = string(blank+dots), c.tones[row][column]
			}
			if t != of {
				b.WriteString(p.in(of, run.String()))
				run.Reset()
				of = t
			}
			run.WriteString(cell)
		}
		all[row] = b.String() + p.in(of, run.String())
	}
	return all
}
