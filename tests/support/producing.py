"""What the tests of rebuild-producer share: a verb beside the test, and content to enqueue."""

import os
import subprocess

from pool import BUILD


def producer_process(pool, *args, **env):
    """A verb that goes on while the test does something else."""
    return subprocess.Popen(  # pylint: disable=consider-using-with
        [os.path.join(BUILD, "rebuild-producer"), *args], env={**pool.env(), **env},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def make_content(pool, n, more=""):
    """A table of n items with guids 0..n-1 at their end; more is SQL for further columns over i."""
    pool.sql(f"create table public.content as select ('00000000-0000-4000-8000-' ||"
             f" lpad(i::text, 12, '0'))::uuid as guid, 100 + i as bundle_id, 'shiny'::text as"
             f" app_mode, '4.' || i % 3 || '.1' as r_version, null::text as py_version,"
             f" case when i % 2 = 0 then 'img' end as image_name, 'Title ' || i as title"
             f" {more} from generate_series(0, {n - 1}) i")


def guid(i):
    return f"00000000-0000-4000-8000-{i:012d}"
