-- One valid request, over and over, for wrk.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("CLOSECHECK_TOKEN")
wrk.body = '{"accessRequestIds":["2c9180835d2e5168015d32f890ca1581"],"executionStatus":"Terminated","completionStatus":"Success"}'
