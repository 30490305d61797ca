package conformance

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// aloneFor names the test that this process was started for.
const aloneFor = "WAXSEAL_TEST_ALONE"

// alone reports whether this process is one of its own for the test, with a network
// that has nothing but loopback, with its own processes and mounts: Postfix then has
// port 25 and port 53 for itself, its usual folders empty, and everything that it
// starts ends with the test. In the process that calls it first it runs the other.
func alone(t testing.TB) bool {
	t.Helper()
	if os.Getenv(aloneFor) == t.Name() {
		mountAnew(t)
		loopbackUp(t)
		return true
	}
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("Postfix runs only as root, and CI must run it")
		}
		t.Skip("Postfix runs only as root")
	}
	args := []string{"-test.v", "-test.timeout=" + (5*time.Minute + soakTime()).String()}
	_, bench := t.(*testing.B)
	if bench {
		args = append(args, "-test.run=^$", "-test.bench=^"+t.Name()+"$", "-test.benchtime=1x")
	} else {
		args = append(args, "-test.run=^"+t.Name()+"$")
	}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), aloneFor+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	if errors.Is(err, syscall.EPERM) { // of the start: what the test itself meets is an exit code
		t.Skip("no namespaces for a Postfix of its own: this container withholds CAP_SYS_ADMIN (docker run --privileged gives it)")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, &output)
	}
	switch {
	case bench: // with the metrics, which are the point of it
		_, _ = os.Stdout.Write(output.Bytes())
	case testing.Verbose():
		t.Logf("%s", &output)
	}
	return false
}

// mountAnew gives this process empty folders of Postfix and its own resolv.conf.
func mountAnew(t testing.TB) {
	t.Helper()
	mount(t, "none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	mount(t, "proc", "/proc", "proc", 0, "")
	for _, folder := range []string{"/etc/postfix", "/var/spool/postfix", "/var/lib/postfix"} {
		mount(t, "tmpfs", folder, "tmpfs", 0, "mode=0755")
	}
	at, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "resolv.conf")
	write(t, file, "nameserver "+unboundHost+"\noptions trust-ad edns0\n")
	if err := os.Chmod(filepath.Dir(filepath.Dir(file)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	mount(t, file, at, "", syscall.MS_BIND, "")
}

func mount(t testing.TB, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mount %s: %v", target, err)
	}
}

// loopbackUp switches on the only interface that a new network has.
func loopbackUp(t testing.TB) {
	t.Helper()
	request := struct { // ifreq of <net/if.h>
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	copy(request.name[:], "lo")
	control(t, syscall.SIOCSIFFLAGS, unsafe.Pointer(&request))
}

// addAddress gives that interface more IPv4 addresses.
func addAddress(t testing.TB, ips ...string) {
	t.Helper()
	for i, ip := range ips {
		addAlias(t, "lo:"+strconv.Itoa(i+1), ip)
	}
}

func addAlias(t testing.TB, name, ip string) {
	t.Helper()
	request := struct { // ifreq
		name    [syscall.IFNAMSIZ]byte
		address syscall.RawSockaddrInet4
		_       [8]byte
	}{address: syscall.RawSockaddrInet4{Family: syscall.AF_INET, Addr: netip.MustParseAddr(ip).As4()}}
	copy(request.name[:], name)
	control(t, syscall.SIOCSIFADDR, unsafe.Pointer(&request))
}

// control makes one of the requests of netdevice(7).
func control(t testing.TB, what uintptr, request unsafe.Pointer) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), what, uintptr(request)); e != 0 {
		t.Fatalf("loopback: %v", e)
	}
}
