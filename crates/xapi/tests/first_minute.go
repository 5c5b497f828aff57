// What the vendor's Go SDK calls at login and around a listing, in its order and its notation (JSON-RPC 2.0), by Go's own
// HTTP and JSON, against `cbt serve`. The SDK itself is on no registry of modules.
//
//	go run first_minute.go CBT
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"time"
)

type request struct {
	JSONRPC string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
	ID      int    `json:"id"`
}

type response struct {
	JSONRPC string `json:"jsonrpc"`
	Result  any    `json:"result"`
	Error   *struct {
		Code    int      `json:"code"`
		Message string   `json:"message"`
		Data    []string `json:"data"`
	} `json:"error"`
	ID int `json:"id"`
}

// The API's errors: code and parameters.
type failure []string

type session struct {
	url string
	ref string
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func expect(name string, found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		panic(fmt.Sprintf("%s: %#v, not %#v", name, found, expected))
	}
}

func (s *session) call(method string, params ...any) (any, failure) {
	if s.ref != "" {
		params = append([]any{s.ref}, params...)
	}
	body, err := json.Marshal(request{"2.0", method, params, 0})
	check(err)
	post, err := http.NewRequest(http.MethodPost, s.url+"/jsonrpc", bytes.NewReader(body))
	check(err)
	post.Header.Set("Content-Type", "application/json; charset=utf-8")
	post.Header.Set("Accept", "application/json")
	answer, err := http.DefaultClient.Do(post)
	check(err)
	defer answer.Body.Close()
	expect(method, answer.StatusCode, http.StatusOK)
	var read response
	check(json.NewDecoder(answer.Body).Decode(&read))
	expect(method, read.JSONRPC, "2.0")
	if read.Error != nil {
		return nil, append(failure{read.Error.Message}, read.Error.Data...)
	}
	return read.Result, nil
}

func (s *session) get(method string, params ...any) any {
	result, failed := s.call(method, params...)
	if failed != nil {
		panic(fmt.Sprintf("%s: %v", method, failed))
	}
	return result
}

func (s *session) text(method string, params ...any) string {
	return s.get(method, params...).(string)
}

func (s *session) record(class, ref string) map[string]any {
	return s.get(class+".get_record", ref).(map[string]any)
}

func (s *session) fails(code, method string, params ...any) {
	result, failed := s.call(method, params...)
	if failed == nil || failed[0] != code {
		panic(fmt.Sprintf("%s: %s was expected, not %v %v", method, code, result, failed))
	}
}

// The record of the host that the pool names; asked for twice at login, for each of the two versions.
func (s *session) master() map[string]any {
	pools := s.get("pool.get_all").([]any)
	expect("pools", len(pools), 1)
	return s.record("host", s.record("pool", pools[0].(string))["master"].(string))
}

func (s *session) login(password string) {
	s.ref = s.text("session.login_with_password", "root", password, "1.0", "Go sdk")
	host := s.master()
	expect("API version", [2]any{host["API_version_major"], host["API_version_minor"]}, [2]any{2.0, 21.0})
	xapi := s.master()["software_version"].(map[string]any)["xapi"].(string)
	if len(strings.Split(xapi, ".")) != 2 {
		panic(xapi)
	}
}

func (s *session) listing() {
	disk := s.text("VDI.create", map[string]any{"name_label": "disk", "virtual_size": 64 << 20, "tags": []string{"a"}})
	expect("enable_cbt", s.text("VDI.enable_cbt", disk), "")
	base := s.text("VDI.snapshot", disk, map[string]string{})
	newer := s.text("VDI.snapshot", disk, map[string]string{})
	record := s.record("VDI", newer)
	expect("size", record["virtual_size"], float64(64<<20))
	expect("is_a_snapshot", record["is_a_snapshot"], true)
	expect("snapshot_of", record["snapshot_of"], disk)
	expect("tags", record["tags"], []any{"a"})
	_, err := time.Parse("20060102T15:04:05Z", record["snapshot_time"].(string))
	check(err)
	expect("get_snapshot_of", s.text("VDI.get_snapshot_of", newer), disk)
	expect("get_nbd_info", s.get("VDI.get_nbd_info", newer), []any{})
	bitmap, err := base64.StdEncoding.DecodeString(s.text("VDI.list_changed_blocks", base, newer))
	check(err)
	expect("bitmap", bitmap, make([]byte, 128))
	task := s.text("Async.VDI.list_changed_blocks", base, newer)
	for s.text("task.get_status", task) == "pending" {
		time.Sleep(5 * time.Millisecond)
	}
	expect("task", s.record("task", task)["status"], "success")
	s.get("task.destroy", task)

	s.get("VDI.data_destroy", base)
	s.get("VDI.add_to_other_config", base, "backup", "1")
	found := s.get("VDI.get_all_records_where", "field \"type\" = \"cbt_metadata\"").(map[string]any)
	expect("found", len(found), 1)
	expect("other_config", found[base].(map[string]any)["other_config"], map[string]any{"backup": "1"})
	s.get("VDI.resize", disk, 65<<20)
	s.fails("SR_BACKEND_FAILURE_79", "VDI.resize", disk, 64<<20)
	expect("VMs", s.get("VM.get_all_records"), map[string]any{})
	s.fails("UUID_INVALID", "VM.get_by_uuid", "none")
	s.fails("HANDLE_INVALID", "VBD.get_VDI", "none")
	s.fails("INVALID_VALUE", "VDI.get_all_records_where", "x")
	s.fails("MESSAGE_METHOD_UNKNOWN", "VDI.update", disk)
	own := s.text("task.create", "backup", "of a disk")
	s.get("task.set_progress", own, 0.5)
	s.get("task.set_status", own, "success")
	s.get("task.destroy", own)
	s.get("SR.scan", s.text("VDI.get_SR", disk))
	expect("messages", s.get("message.get_all_records"), map[string]any{})
	expect("plugins", len(s.get("SM.get_all_records").(map[string]any)), 1)
	host := s.text("session.get_this_host", s.ref)
	expect("host", s.get("host.get_all"), []any{host})
	expect("superuser", s.get("session.get_is_local_superuser", s.ref), true)
	expect("logout", s.text("session.logout"), "")
	s.fails("SESSION_INVALID", "VDI.get_all")
}

func main() {
	store, err := os.MkdirTemp("", "first-minute-")
	check(err)
	defer os.RemoveAll(store)
	server := exec.Command(os.Args[1], "serve", "--store", store, "--listen", "127.0.0.1:0")
	out, err := server.StdoutPipe()
	check(err)
	check(server.Start())
	defer server.Process.Kill()
	told := map[string]string{}
	lines := bufio.NewScanner(out)
	for told["password"] == "" && lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		told[name] = value
	}
	s := &session{url: told["url"]}
	s.fails("SESSION_AUTHENTICATION_FAILED", "session.login_with_password", "root", "wrong", "1.0", "Go sdk")
	s.login(told["password"])
	s.listing()
	fmt.Println("calls of the Go SDK: ok")
}
