<?php
// SPDX-License-Identifier: MIT
//
// Publishes as omegaUp's PHP does: its curl options, its idea of success, its retries.
// Arguments: URL, certificate, key, CA, time-out in ms. The body comes on the standard input. Each
// attempt is a line; the last line printed is JSON: {"ok", "attempts", "errno", "status", "body"}.
declare(strict_types=1);

const ATTEMPTS = 3;

[, $url, $certificate, $key, $ca, $timeout] = $argv;

$lines = [];
$curl = curl_init();
curl_setopt_array($curl, [
    CURLOPT_URL => $url,
    CURLOPT_POST => true,
    CURLOPT_POSTFIELDS => stream_get_contents(STDIN),
    CURLOPT_HTTPHEADER => ['Content-Type: application/json'],
    CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_1,
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_SSLVERSION => CURL_SSLVERSION_TLSv1_2,
    CURLOPT_SSL_VERIFYPEER => true,
    CURLOPT_SSL_VERIFYHOST => 2,
    CURLOPT_SSLCERT => $certificate,
    CURLOPT_SSLKEY => $key,
    CURLOPT_CAINFO => $ca,
    CURLOPT_TIMEOUT_MS => (int)$timeout,
    // Only to look on:
    CURLOPT_HEADERFUNCTION => function ($curl, string $line) use (&$lines): int {
        if (str_starts_with($line, 'HTTP/')) {
            $lines[] = trim($line);
        }
        return strlen($line);
    },
]);

$attempts = 0;
do {
    $attempts++;
    echo "attempt $attempts\n";
    $body = curl_exec($curl);
    $errno = curl_errno($curl);
} while ($errno === CURLE_OPERATION_TIMEDOUT && $attempts < ATTEMPTS);

$status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
$answer = is_string($body) ? json_decode($body, true) : null;
$ok = $status === 200 && is_array($answer) && ($answer['status'] ?? null) === 'ok';
curl_close($curl);

echo json_encode(compact('ok', 'attempts', 'errno', 'status', 'body', 'lines')), "\n";
