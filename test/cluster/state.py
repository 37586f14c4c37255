"""state.py -- the rows of a workspace, as check.py wants them, and witnesses inside the database: triggers that write down who took which lease from whom."""
import json

TABLES = {
    'note': 'id, content, folder, version', 'post': 'id, content, title, job, status_id, version, scheduled_at', 'folder': 'id, name', 'event': 'id, type, body',
    'job': 'id, type, status, input, result, receipt, attempts, lost_leases, error_code, error_message', 'spend': 'day, reserved, spent',
    'source': 'id, preview', 'upload': 'id',
    'audit': 'id, method, route, status, request, resource', 'post_count': 'status_id, posts'}
NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint'
# A row for each lease that changed hands.  Of jobs: who was found to be dead; of duties: whose turn ended.
PLACE = "CREATE TABLE IF NOT EXISTS witness (at bigint, kind text, name text, was_holder text, was_until bigint, holder text); GRANT ALL ON witness TO PUBLIC;"
WITNESS = f"""
CREATE OR REPLACE FUNCTION witness_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO witness VALUES ({NOW}, 'job', NEW.id, OLD.worker, OLD.lease_until, NEW.worker); RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER witness AFTER UPDATE ON job FOR EACH ROW WHEN (NEW.lost_leases > OLD.lost_leases) EXECUTE FUNCTION witness_job();
CREATE OR REPLACE FUNCTION witness_duty() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO witness VALUES ({NOW}, 'duty', NEW.name, OLD.holder, OLD.until, NEW.holder); RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER witness AFTER UPDATE ON duty FOR EACH ROW WHEN (NEW.holder <> OLD.holder) EXECUTE FUNCTION witness_duty();"""
LATER = "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relispartition AND c.relname LIKE '%\\_later'"   # ranges behind all others: empty but for wrong clocks


def watch(cluster):
    """Once the tables are as they will be: a migration makes others of them."""
    cluster.sql(PLACE if cluster.schema else PLACE + WITNESS)


def read(cluster, workspace, since):
    """since: the witnesses of this moment and later, in milliseconds."""
    bare = workspace.split('_', 1)[1]
    asked = {t: f"SELECT {columns} FROM {t} WHERE workspace = '{bare}'" for t, columns in TABLES.items()}
    asked['witness'] = f'SELECT at, kind, name, was_holder, was_until, holder FROM witness WHERE at >= {since}'
    parts = ', '.join(f"'{t}', (SELECT coalesce(json_agg(r), '[]') FROM ({q}) r)" for t, q in asked.items())
    state = json.loads(cluster.sql(f'SELECT json_build_object({parts})'))
    state['later_rows'] = [{'name': p} for p in cluster.sql(LATER).split() if cluster.sql(f'SELECT EXISTS (SELECT 1 FROM {p})') == 't\n']
    return state


def now(cluster):
    return int(cluster.sql('SELECT ' + NOW))


def unfinished(cluster, workspace):
    return int(cluster.sql(f"SELECT count(*) FROM job WHERE workspace = '{workspace.split('_', 1)[1]}' AND status IN ('QUEUED', 'RUNNING')"))
