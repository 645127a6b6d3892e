<?php
// http_post_fields() left PHP with pecl_http 2; this is what it did, over curl.
function http_post_fields( $url, $data, $files ) {
    foreach( $files as $file )
        $data[$file['name']] = new CURLFile( $file['file'], $file['type'] );
    $curl = curl_init( $url );
    curl_setopt_array( $curl, array( CURLOPT_POSTFIELDS => $data, CURLOPT_HEADER => true, CURLOPT_RETURNTRANSFER => true ) );
    return curl_exec( $curl );
}

// The documented example, with the line that its page lost: the array of the files.
    $files = array( array(
            'name' => 'torrent',            // Don't change
            'type' => 'application/x-bittorrent',
            'file' => 'my.torrent'          // Full path for file to upload
    ) );

    $http_resp = http_post_fields( 'http://itorrents.org/autoupload.php', array(), $files );
    $tmp = explode( "\r\n", $http_resp );
    $infoHash = substr( $tmp[count( $tmp ) - 1], 0, 40 );
    unset( $tmp, $http_resp, $files );

echo $infoHash;
