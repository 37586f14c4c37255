// What an integration does first, with the client that openapi-generator makes of the document for Go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"walk/scripe"
)

var (
	failed  int
	project = os.Getenv("API_PROJECT")
	ctx     = context.WithValue(context.Background(), scripe.ContextAccessToken, os.Getenv("API_KEY"))
	client  = newClient()
)

func newClient() *scripe.APIClient {
	conf := scripe.NewConfiguration()
	conf.Servers = scripe.ServerConfigurations{{URL: os.Getenv("API_URL")}}
	return scripe.NewAPIClient(conf)
}

func check(what string, ok bool) {
	word := "ok"
	if !ok {
		word = "not ok"
		failed++
	}
	fmt.Println(word, "- go:", what)
}

// must ends the walk at an error that it does not expect.
func must[T any](v T, r *http.Response, err error) (T, *http.Response) {
	if err != nil {
		fmt.Println("not ok - go:", err)
		os.Exit(1)
	}
	return v, r
}

func whoAmI() {
	me, _ := must(client.WorkspacesAPI.GetWorkspace(ctx).Execute())
	check("who am I", me.Principal.Type == "api_key" && me.Workspace.Features.ApiAccess)
}

func writeOnce() {
	note := scripe.NoteCreate{ProjectId: project, Content: scripe.PtrString("Written once."), ContentType: scripe.PtrString("EDUCATIONAL")}
	key := fmt.Sprint("walk-", time.Now().UnixNano())
	first, r1 := must(client.NotesAPI.CreateNote(ctx).NoteCreate(note).IdempotencyKey(key).Execute())
	again, r2 := must(client.NotesAPI.CreateNote(ctx).NoteCreate(note).IdempotencyKey(key).Execute())
	check("a retry with the same key is a replay", first.Data.Id == again.Data.Id &&
		r1.Header.Get("Idempotent-Replayed") == "false" && r2.Header.Get("Idempotent-Replayed") == "true")
	slot := first.Data.Slot.Get()
	check("what may be null is nil or there", first.Data.UpdatedAt.Get() == nil && slot != nil && slot.GetContentType() == "EDUCATIONAL")
}

func listAll() {
	for i := 0; i < 7; i++ {
		must(client.NotesAPI.CreateNote(ctx).NoteCreate(scripe.NoteCreate{ProjectId: project}).Execute())
	}
	ids, pages := map[string]bool{}, 0
	for ask := client.NotesAPI.ListNotes(ctx).ProjectId(project).Limit(3); ; pages++ {
		page, _ := must(ask.Execute())
		for _, note := range page.Data {
			ids[note.Id] = true
		}
		if !page.Pagination.HasMore {
			break
		}
		ask = ask.Cursor(page.Pagination.GetNextCursor())
	}
	check("a list is walked to its end", pages == 2 && len(ids) == 8)
}

// keepSource makes a source and gives its id.  The operation answers with a source or, of a file, with the job that makes one.
func keepSource() string {
	text := scripe.SourceCreateText{Type: "text", ProjectId: project, Text: "We changed one form. Support calls fell by half."}
	made, _ := must(client.SourcesAPI.CreateSource(ctx).SourceCreate(scripe.SourceCreateTextAsSourceCreate(&text)).Execute())
	source := made.Data.Source
	check("an answer that is one of two is what it is", source != nil && made.Data.Job == nil && source.HasFullText)
	return source.Id
}

func generate(sourceId string) {
	from := scripe.GenerationSourceSource{SourceId: sourceId}
	source := scripe.GenerationSourceSourceAsGenerationSource(&from)
	body := scripe.GenerationCreate{ProjectId: project, Source: source, WaitForCompletionMs: scripe.PtrInt64(20000)}
	job, _ := must(client.PostsAPI.GeneratePost(ctx).GenerationCreate(body).Execute())
	result := job.Data.Result.Get()
	check("a generation is waited for", job.Data.Status == "DONE" && result != nil)
	post, _ := must(client.PostsAPI.GetPost(ctx, result.GetPostId()).Execute())
	check("the job names its post", post.Data.Status == "draft" && strings.Contains(post.Data.Content, "Support calls"))
}

func indexed() {
	text := scripe.KnowledgeCreateText{Type: "text", Name: "Prices", Text: "The team plan is 29 euros a month."}
	page := scripe.KnowledgeCreateUrl{Type: "url", Url: "http://localhost.invalid/prices"}
	first, _ := must(client.KnowledgeAPI.CreateKnowledge(ctx).KnowledgeCreate(scripe.KnowledgeCreateTextAsKnowledgeCreate(&text)).Execute())
	second, _ := must(client.KnowledgeAPI.CreateKnowledge(ctx).KnowledgeCreate(scripe.KnowledgeCreateUrlAsKnowledgeCreate(&page)).Execute())
	check("each kind of knowledge has a type of its own", first.Data.Type == "KB_INGEST_TEXT" && second.Data.Type == "KB_INGEST_URL")
}

func refused() {
	_, r, err := client.NotesAPI.GetNote(ctx, "note_01J9ZAB12CD34E56F7G8H9JKMN").Execute()
	var api *scripe.GenericOpenAPIError
	if !errors.As(err, &api) {
		check("a refusal is an error", false)
		return
	}
	why, ok := api.Model().(scripe.ErrorResponse)
	check("a refusal is an error with code, message and request id", ok && r.StatusCode == 404 &&
		why.Error.Code == "not_found" && why.Error.RequestId == r.Header.Get("X-Request-Id"))
}

func tomorrow() {
	var p scripe.Project
	err := json.Unmarshal([]byte(`{"id":"proj_01J9ZAB12CD34E56F7G8H9JKMN","name":"N","type":"NEWSLETTER","status":"ASLEEP","url":null,
		"createdAt":"2026-08-01T00:00:00.000Z","later":1}`), &p)
	check("fields and words of tomorrow are read", err == nil && p.Status == "ASLEEP" && p.Type == "NEWSLETTER")
}

func main() {
	whoAmI()
	writeOnce()
	listAll()
	generate(keepSource())
	indexed()
	refused()
	tomorrow()
	if failed > 0 {
		os.Exit(1)
	}
}
