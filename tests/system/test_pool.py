def test_a_whole_campaign(pool, simulator):
    pool.connect = simulator(items=40, build_ms=(50, 200))
    pool.load_content()
    pool.worker()
    c = pool.enqueue("--warm-up", "0")
    pool.await_state(c["campaign_id"])
    r = pool.assert_one_result_each(c["campaign_id"])
    print(pool.connect.audit_summary())
    print(next(iter(r.values())).raw, next(iter(r.values())).headers)
