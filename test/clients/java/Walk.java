// What an integration does first, with the client that openapi-generator makes of the document for Java.
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import scripe.ApiClient;
import scripe.ApiException;
import scripe.ApiResponse;
import scripe.api.KnowledgeApi;
import scripe.api.NotesApi;
import scripe.api.PostsApi;
import scripe.api.SourcesApi;
import scripe.api.WorkspacesApi;
import scripe.model.ErrorResponse;
import scripe.model.GenerationCreate;
import scripe.model.GenerationSource;
import scripe.model.GenerationSourceSource;
import scripe.model.Job;
import scripe.model.KnowledgeCreate;
import scripe.model.KnowledgeCreateText;
import scripe.model.KnowledgeCreateUrl;
import scripe.model.Me;
import scripe.model.Note;
import scripe.model.NoteCreate;
import scripe.model.NoteList;
import scripe.model.NoteResponse;
import scripe.model.Post;
import scripe.model.Project;
import scripe.model.Source;
import scripe.model.SourceCreate;
import scripe.model.SourceCreateText;

public final class Walk {
	private static final String PROJECT = System.getenv("API_PROJECT");
	private static int failed;

	private final ApiClient client = new ApiClient().setBasePath(System.getenv("API_URL"));
	private final NotesApi notes = new NotesApi(client);
	private final PostsApi posts = new PostsApi(client);

	private static void check(String what, boolean ok) {
		failed += ok ? 0 : 1;
		System.out.println((ok ? "ok" : "not ok") + " - java: " + what);
	}

	private static String header(ApiResponse<?> r, String name) {
		return r.getHeaders().entrySet().stream().filter(e -> e.getKey().equalsIgnoreCase(name))
			.findFirst().map(e -> e.getValue().get(0)).orElse(null);
	}

	private void whoAmI() throws ApiException {
		Me me = new WorkspacesApi(client).getWorkspace(null, null);
		check("who am I", me.getPrincipal().getType().equals("api_key") && me.getWorkspace().getFeatures().getApiAccess());
	}

	private void writeOnce() throws ApiException {
		NoteCreate note = new NoteCreate().projectId(PROJECT).content("Written once.").contentType(NoteCreate.ContentTypeEnum.EDUCATIONAL);
		String key = UUID.randomUUID().toString();
		ApiResponse<NoteResponse> first = notes.createNoteWithHttpInfo(note, key, null, null);
		ApiResponse<NoteResponse> again = notes.createNoteWithHttpInfo(note, key, null, null);
		check("a retry with the same key is a replay", first.getData().getData().getId().equals(again.getData().getData().getId())
			&& "false".equals(header(first, "Idempotent-Replayed")) && "true".equals(header(again, "Idempotent-Replayed")));
		Note made = first.getData().getData();
		check("what may be null is null or there", made.getUpdatedAt() == null && made.getSlot().getContentType().getValue().equals("EDUCATIONAL"));
	}

	private void listAll() throws ApiException {
		for (int i = 0; i < 7; i++) {
			notes.createNote(new NoteCreate().projectId(PROJECT).content("Note " + i), null, null, null);
		}
		Set<String> ids = new HashSet<>();
		int pages = 0;
		String cursor = null;
		NoteList page;
		do {
			page = notes.listNotes(PROJECT, null, null, null, 3, cursor, null, null);
			page.getData().forEach(n -> ids.add(n.getId()));
			cursor = page.getPagination().getNextCursor();
			pages++;
		} while (page.getPagination().getHasMore());
		check("a list is walked to its end", pages == 3 && ids.size() == 8);
	}

	/** Its id. The operation answers with a source or, of a file, with the job that makes one. */
	private String keepSource() throws ApiException {
		SourceCreateText text = new SourceCreateText().type(SourceCreateText.TypeEnum.TEXT).projectId(PROJECT)
			.text("We changed one form. Support calls fell by half.");
		Object made = new SourcesApi(client).createSource(new SourceCreate(text), null, null, null).getData().getActualInstance();
		check("an answer that is one of two is what it is", made instanceof Source && ((Source) made).getHasFullText());
		return ((Source) made).getId();
	}

	private void generate(String sourceId) throws ApiException {
		GenerationSource source = new GenerationSource(new GenerationSourceSource().sourceId(sourceId));
		Job job = posts.generatePost(new GenerationCreate().projectId(PROJECT).source(source).waitForCompletionMs(20000L), null, null, null).getData();
		check("a generation is waited for", job.getStatus() == Job.StatusEnum.DONE && job.getResult().getPostId() != null);
		Post post = posts.getPost(job.getResult().getPostId(), null, null, null).getData();
		check("the job names its post", post.getStatus() == Post.StatusEnum.DRAFT && post.getContent().contains("Support calls"));
	}

	private void indexed() throws ApiException {
		KnowledgeApi knowledge = new KnowledgeApi(client);
		KnowledgeCreateText text = new KnowledgeCreateText().type(KnowledgeCreateText.TypeEnum.TEXT).name("Prices").text("The team plan is 29 euros a month.");
		KnowledgeCreateUrl page = new KnowledgeCreateUrl().type(KnowledgeCreateUrl.TypeEnum.URL).url("http://localhost.invalid/prices");
		Job first = knowledge.createKnowledge(new KnowledgeCreate(text), null, null, null).getData();
		Job second = knowledge.createKnowledge(new KnowledgeCreate(page), null, null, null).getData();
		check("each kind of knowledge has a type of its own", "KB_INGEST_TEXT".equals(first.getType()) && "KB_INGEST_URL".equals(second.getType()));
	}

	private void refused() throws Exception {
		try {
			notes.getNote("note_01J9ZAB12CD34E56F7G8H9JKMN", null, null, null);
			check("a refusal is an exception", false);
		} catch (ApiException e) {
			ErrorResponse why = ErrorResponse.fromJson(e.getResponseBody());
			List<String> id = e.getResponseHeaders().entrySet().stream().filter(h -> h.getKey().equalsIgnoreCase("X-Request-Id")).findFirst().get().getValue();
			check("a refusal is an exception with code, message and request id", e.getCode() == 404
				&& why.getError().getCode().equals("not_found") && why.getError().getRequestId().equals(id.get(0)));
		}
	}

	private void tomorrow() throws Exception {
		Project p = Project.fromJson("{\"id\":\"proj_01J9ZAB12CD34E56F7G8H9JKMN\",\"name\":\"N\",\"type\":\"NEWSLETTER\",\"status\":\"ASLEEP\","
			+ "\"url\":null,\"createdAt\":\"2026-08-01T00:00:00.000Z\",\"later\":1}");
		check("fields and words of tomorrow are read", p.getStatus().equals("ASLEEP") && p.getType().equals("NEWSLETTER"));
	}

	public static void main(String[] args) throws Exception {
		Walk walk = new Walk();
		walk.client.setBearerToken(System.getenv("API_KEY"));
		walk.whoAmI();
		walk.writeOnce();
		walk.listAll();
		walk.generate(walk.keepSource());
		walk.indexed();
		walk.refused();
		walk.tomorrow();
		System.exit(failed == 0 ? 0 : 1);
	}
}
