package main

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLabPage renders the lab's page in Chromium: every cell is there and leads
// somewhere, and it can be read in a light and in a dark scheme.
func TestLabPage(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is not installed; test.sh installs it")
		}
		t.Skip("chromium is not installed; test.sh installs it")
	}
	page := filepath.Join(t.TempDir(), "lab.html")
	args := []string{"lab", "run", "--only", "spf_own_envelope,spf_forwarded,tls_stripped", "--html", page}
	if code := run(t.Context(), args, stdio{strings.NewReader(""), io.Discard, io.Discard}); code != exitEvaluated {
		t.Fatalf("exit code %d", code)
	}
	dom := string(chromium(t, browser, page, "--dump-dom"))
	matrix, stories, _ := strings.Cut(dom, "</table>")
	if got, want := strings.Count(matrix, "<td"), 3*11; got != want {
		t.Errorf("the matrix has %d cells, want %d", got, want)
	}
	if got, want := strings.Count(stories, "<tr"), 3*11; got != want {
		t.Errorf("%d cells are explained, want %d", got, want)
	}
	for _, target := range strings.Split(dom, `href="`)[1:] {
		target, _, _ = strings.Cut(target, `"`)
		id, ok := strings.CutPrefix(target, "#")
		if !ok || !strings.Contains(dom, `id="`+id+`"`) {
			t.Errorf("a link leads to %q", target)
		}
	}
	for _, outside := range []string{"<link", "<img", "src=", "@import", "url("} {
		if strings.Contains(dom, outside) {
			t.Errorf("the page has %q and may load something", outside)
		}
	}
	shots := map[string]float64{}
	for name, scheme := range map[string]string{"dark": "0", "light": "1"} {
		shot := filepath.Join(t.TempDir(), name+".png")
		chromium(t, browser, page, "--screenshot="+shot, "--window-size=1200,700", "--blink-settings=preferredColorScheme="+scheme)
		shots[name] = brightness(t, shot)
	}
	if shots["light"] < 0.7 || shots["dark"] > 0.3 {
		t.Errorf("brightness %v", shots)
	}
}

// chromium runs the browser without a window or a network.
func chromium(t *testing.T, browser, page string, args ...string) []byte {
	t.Helper()
	args = append(args, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+t.TempDir(), "file://"+page)
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), browser, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return out
}

// brightness is the mean of a picture's pixels, from 0 to 1.
func brightness(t *testing.T, path string) float64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	shot, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return mean(shot)
}

func mean(m image.Image) float64 {
	var sum, n float64
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y += 3 {
		for x := b.Min.X; x < b.Max.X; x += 3 {
			r, g, bl, _ := m.At(x, y).RGBA()
			sum += float64(r+g+bl) / (3 * 0xffff)
			n++
		}
	}
	return sum / n
}
