package providertest

// Dice turns a fuzzer's bytes into choices; past their end it always chooses the first.
type Dice []byte

// Roll returns one of 0 to sides-1.
func (d *Dice) Roll(sides int) int {
	if len(*d) == 0 {
		return 0
	}
	face := int((*d)[0]) % sides
	*d = (*d)[1:]
	return face
}

// Choose returns one of the values.
func Choose[T any](d interface{ Roll(sides int) int }, of ...T) T { return of[d.Roll(len(of))] }
