package attacks

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waxseal/waxseal/internal/lab"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestMatrix runs every cell and holds it to the golden file. WAXSEAL_UPDATE=1
// writes that file again; each cell of it has its reason in docs/lab.md.
func TestMatrix(t *testing.T) {
	w, err := lab.New()
	if err != nil {
		t.Fatal(err)
	}
	m, err := (&lab.Runner{World: w}).Run(t.Context(), All())
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("WAXSEAL_UPDATE") != "" {
		if err := os.WriteFile("golden.txt", []byte(m.Format()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(golden, m.Format()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
