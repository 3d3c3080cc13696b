package k6

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dop251/goja"
	"github.com/evanw/esbuild/pkg/api"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

const base = "https://gateway.example"

// environment is what the scripts are run with.
var environment = map[string]string{
	"BASE": base, "PARTNER": "5b1f:s:ecret", "STAFF": "officer@tenor.local:a:password", "FINANCE": "f@tenor.local:another",
	"LOANS": "11111111-1111-4111-8111-111111111111,22222222-2222-4222-8222-222222222222", "RATE": "20", "DURATION": "3s",
}

// document is the API as the gateway publishes it, with the test's server.
func document(t *testing.T) routers.Router {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join("..", "..", "docs", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: base}}
	router, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation(), openapi3.DisableSchemaPatternValidation())
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// machine runs the scripts in the place of k6.
type machine struct {
	t       *testing.T
	vm      *goja.Runtime
	router  routers.Router
	modules map[string]goja.Value
	names   map[string]bool // of the requests that were sent
	succeed bool
	checks  int
	failed  int
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{
		t: t, vm: goja.New(), router: document(t), modules: map[string]goja.Value{}, names: map[string]bool{}, succeed: true,
	}
	set := func(name string, value any) {
		if err := m.vm.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	set("__ENV", environment)
	set("require", m.require)
	set("open", func(path string) string {
		data, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			panic(m.vm.NewGoError(err))
		}
		return string(data)
	})
	return m
}

// require loads a script, or hands out a stand-in for a module of k6.
func (m *machine) require(name string) goja.Value {
	switch name {
	case "k6/http":
		return m.vm.ToValue(map[string]any{"default": map[string]any{"request": m.request}, "__esModule": true})
	case "k6/encoding":
		encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
		return m.vm.ToValue(map[string]any{"default": map[string]any{"b64encode": encode}, "__esModule": true})
	case "k6":
		return m.vm.ToValue(map[string]any{
			"check": m.check, "fail": func(text string) { panic(m.vm.NewGoError(fmt.Errorf("fail: %s", text))) },
		})
	}
	path := filepath.Clean(name)
	if loaded, ok := m.modules[path]; ok {
		return loaded
	}
	source, err := os.ReadFile(path)
	if err != nil {
		panic(m.vm.NewGoError(err))
	}
	out := api.Transform(string(source), api.TransformOptions{
		Format: api.FormatCommonJS, Target: api.ES2015, Sourcefile: path, LogLevel: api.LogLevelSilent,
	})
	for _, fault := range out.Errors {
		panic(m.vm.NewGoError(fmt.Errorf("%s:%d: %s", path, fault.Location.Line, fault.Text)))
	}
	wrapped, err := m.vm.RunScript(path, "(function (module, exports) {"+string(out.Code)+"\n})")
	if err != nil {
		panic(err)
	}
	run, ok := goja.AssertFunction(wrapped)
	if !ok {
		panic(m.vm.NewTypeError("no function"))
	}
	module := m.vm.NewObject()
	_ = module.Set("exports", m.vm.NewObject())
	if _, err := run(goja.Undefined(), module, module.Get("exports")); err != nil {
		panic(err)
	}
	m.modules[path] = module.Get("exports")
	return m.modules[path]
}

// check calls each condition, as k6 does.
func (m *machine) check(answer goja.Value, conditions map[string]func(goja.Value) bool) {
	for _, holds := range conditions {
		m.checks++
		if !holds(answer) {
			m.failed++
		}
	}
}

// request holds a request against the document and answers it.
func (m *machine) request(method, address string, body goja.Value, params map[string]any) map[string]any {
	headers, _ := params["headers"].(map[string]any)
	tags, _ := params["tags"].(map[string]any)
	name := fmt.Sprint(tags["name"])
	m.names[name] = true
	var text string
	if exported := body.Export(); exported != nil {
		if form, ok := exported.(map[string]any); ok { // k6 sends an object as a form
			values := url.Values{}
			for key, value := range form {
				values.Set(key, fmt.Sprint(value))
			}
			text = values.Encode()
			headers["Content-Type"] = "application/x-www-form-urlencoded"
		} else {
			text = fmt.Sprint(exported)
		}
	}
	r, err := http.NewRequestWithContext(m.t.Context(), method, address, strings.NewReader(text))
	if err != nil {
		m.t.Errorf("%s: %v", name, err)
		return nil
	}
	for key, value := range headers {
		r.Header.Set(key, fmt.Sprint(value))
	}
	m.hold(name, r)
	status := http.StatusTeapot
	if m.succeed {
		status = m.catalogue()[name].Status
	}
	return map[string]any{"status": status, "json": func(string) string { return "token of " + name }}
}

func (m *machine) hold(name string, r *http.Request) {
	route, path, err := m.router.FindRoute(r)
	if err != nil {
		m.t.Errorf("%s: %s %s: %v", name, r.Method, r.URL, err)
		return
	}
	err = openapi3filter.ValidateRequest(m.t.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: path, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true},
	})
	if err != nil {
		m.t.Errorf("%s: %s %s: %v", name, r.Method, r.URL, err)
	}
	if security := route.Operation.Security; (security == nil || len(*security) > 0) && name != "login" &&
		!strings.HasPrefix(r.Header.Get("Authorization"), "Bearer token of ") {
		m.t.Errorf("%s: no token", name)
	}
}

type shape struct {
	Method, Path string
	Status       int
	Idempotent   bool
}

func (m *machine) catalogue() map[string]shape {
	m.t.Helper()
	data, err := os.ReadFile("requests.json")
	if err != nil {
		m.t.Fatal(err)
	}
	var all map[string]shape
	if err := json.Unmarshal(data, &all); err != nil {
		m.t.Fatal(err)
	}
	return all
}

// run runs a script as k6 does: options, setup, then each scenario's function.
func (m *machine) run(script string) (options map[string]any) {
	m.t.Helper()
	exports := m.require(script).ToObject(m.vm)
	if err := m.vm.ExportTo(exports.Get("options"), &options); err != nil {
		m.t.Fatal(err)
	}
	call := func(name string, arguments ...goja.Value) goja.Value {
		function, ok := goja.AssertFunction(exports.Get(name))
		if !ok {
			m.t.Fatalf("%s has no function %s", script, name)
		}
		value, err := function(goja.Undefined(), arguments...)
		if err != nil {
			m.t.Fatalf("%s: %s: %v", script, name, err)
		}
		return value
	}
	data := call("setup")
	scenarios, _ := options["scenarios"].(map[string]any)
	for name, s := range scenarios {
		scenario, _ := s.(map[string]any)
		if scenario["executor"] != "constant-arrival-rate" {
			m.t.Errorf("%s: scenario %s is no open loop", script, name)
		}
		for range 12 { // some choose among requests
			call(fmt.Sprint(scenario["exec"]), data)
		}
	}
	return options
}

// TestScriptsSendWhatTheAPIWants runs every script; together they send every
// request of the catalogue, and each fits the API.
func TestScriptsSendWhatTheAPIWants(t *testing.T) {
	t.Parallel()
	sent := map[string]bool{}
	for _, script := range []string{"./payments.js", "./lender.js"} {
		m := newMachine(t)
		options := m.run(script)
		if thresholds, _ := options["thresholds"].(map[string]any); len(thresholds) < 3 {
			t.Errorf("%s has %d thresholds", script, len(thresholds))
		}
		if m.checks == 0 || m.failed > 0 {
			t.Errorf("%s: %d of %d checks failed", script, m.failed, m.checks)
		}
		for name := range m.names {
			sent[name] = true
		}
	}
	for name := range newMachine(t).catalogue() {
		if !sent[name] {
			t.Errorf("no script sends %s", name)
		}
	}
}

// TestWrongAnswersFailChecks has the platform answer with another status.
func TestWrongAnswersFailChecks(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.succeed = false
	m.run("./payments.js")
	if m.checks == 0 || m.failed != m.checks {
		t.Errorf("%d of %d checks failed, want all", m.failed, m.checks)
	}
}
